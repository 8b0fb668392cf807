# What `cmake --install` copies: the programs with manual pages and completion, and the libraries with their headers for
# find_package(demix).
include(GNUInstallDirs)
set(place ${CMAKE_INSTALL_LIBDIR}/cmake/demix)
foreach(library engine nn data mixup)
  target_include_directories(${library} INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/demix>)
  target_compile_features(${library} INTERFACE cxx_std_20)
  install(DIRECTORY ${library} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/demix COMPONENT library
    FILES_MATCHING PATTERN "*.h" PATTERN "cpu" EXCLUDE)
endforeach()
install(TARGETS engine nn data mixup turbojpeg spng matio EXPORT demix COMPONENT library)
install(EXPORT demix FILE demixTargets.cmake NAMESPACE demix:: DESTINATION ${place} COMPONENT library)
install(FILES third_party/demixConfig.cmake DESTINATION ${place} COMPONENT library)

# The programs print their manual pages and what makes shells complete their flags, when they are installed.
function(install_printed program flag folder name)
  set(file ${PROJECT_BINARY_DIR}/printed/${folder}/${name})
  file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/printed/${folder})
  install(CODE "execute_process(COMMAND \"$<TARGET_FILE:${program}>\" ${flag} OUTPUT_FILE \"${file}\"
    COMMAND_ERROR_IS_FATAL ANY)" COMPONENT programs)
  install(FILES ${file} DESTINATION ${CMAKE_INSTALL_DATADIR}/${folder} COMPONENT programs)
endfunction()
foreach(program check_dataset loss mixes report train_cifar train_folder train_tiny_imagenet validate)
  install(TARGETS ${program} COMPONENT programs)
  install_printed(${program} --man man/man1 ${program}.1)
  install_printed(${program} --completion=bash bash-completion/completions ${program})
  install_printed(${program} --completion=fish fish/vendor_completions.d ${program}.fish)
  install_printed(${program} --completion=zsh zsh/site-functions _${program})
  install_printed(${program} --completion=zsh zsh/vendor-completions _${program})  # where Debian's zsh looks below /usr
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME demix)
set(CPACK_PACKAGE_CONTACT "the demix authors")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Decoupled Mixup: train image classifiers, without a framework")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# What building with the libraries takes.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS
  "libeigen3-dev, nlohmann-json3-dev, libcurl4-openssl-dev, libarchive-dev, libssl-dev, libturbojpeg0-dev, libspng-dev, libmatio-dev")
include(CPack)

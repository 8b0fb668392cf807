# For find_package(demix): the libraries demix::engine, demix::nn, demix::data, demix::mixup.
include(CMakeFindDependencyMacro)
find_dependency(Threads)
find_dependency(Eigen3)
find_dependency(nlohmann_json)
find_dependency(CURL)
find_dependency(LibArchive)
find_dependency(OpenSSL)
include(${CMAKE_CURRENT_LIST_DIR}/demixTargets.cmake)

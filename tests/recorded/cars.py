#!/usr/bin/env python3
"""Writes cars/, annotation files like those of Stanford-Cars in both layouts, with SciPy (python3-scipy): cars.py."""

import os

import numpy
import scipy.io

HERE = os.path.dirname(os.path.abspath(__file__))


def structs(fields, rows):
    array = numpy.zeros((1, len(rows)), dtype=[(field, object) for field in fields])
    for i, row in enumerate(rows):
        array[0, i] = tuple(value if isinstance(value, str) else numpy.uint8([[value]]) for value in row)
    return array


def save(path, **variables):
    path = os.path.join(HERE, "cars", path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    scipy.io.savemat(path, variables, do_compression=True)


names = numpy.empty((1, 2), dtype=object)
names[0, 0], names[0, 1] = "AM General Hummer SUV 2000", "Acura RL Sedan 2012"

fields = ["relative_im_path", "bbox_x1", "class", "test"]
images = [("car_ims/000001.jpg", 30, 1, 0), ("car_ims/000002.jpg", 48, 2, 0), ("car_ims/000003.jpg", 7, 2, 1)]
save("one/cars_annos.mat", annotations=structs(fields, images), class_names=names)
save("beyond/cars_annos.mat", annotations=structs(fields, images[:2] + [("car_ims/000003.jpg", 7, 3, 1)]),
     class_names=names)

fields = ["bbox_x1", "class", "fname"]
save("two/devkit/cars_meta.mat", class_names=names)
save("two/devkit/cars_train_annos.mat", annotations=structs(fields, [(39, 2, "00001.jpg"), (36, 1, "00002.jpg")]))
save("two/cars_test_annos_withlabels.mat",
     annotations=structs(fields, [(30, 1, "00001.jpg"), (100, 2, "00002.jpg"), (51, 2, "00003.jpg")]))

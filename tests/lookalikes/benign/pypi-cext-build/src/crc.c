#include <Python.h>

static PyObject *crc(PyObject *self, PyObject *args) { return PyLong_FromLong(0); }
static PyMethodDef methods[] = {{"crc", crc, METH_VARARGS, ""}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef mod = {PyModuleDef_HEAD_INIT, "_crc", NULL, -1, methods};
PyMODINIT_FUNC PyInit__crc(void) { return PyModule_Create(&mod); }

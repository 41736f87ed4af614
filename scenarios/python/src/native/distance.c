/* Levenshtein's distance: how many characters to insert, delete or replace
 * until two words are the same. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#if defined(__x86_64__)
#define MACHINE "amd64"
#elif defined(__aarch64__)
#define MACHINE "arm64"
#elif defined(__arm__)
#define MACHINE "arm"
#elif defined(__riscv)
#define MACHINE "riscv64"
#else
#define MACHINE "another machine"
#endif

static Py_ssize_t least(Py_ssize_t a, Py_ssize_t b)
{
	return a < b ? a : b;
}

static PyObject *distance(PyObject *module, PyObject *arguments)
{
	PyObject *left, *right;
	Py_ssize_t left_length, right_length, *row;

	(void)module;
	if (!PyArg_ParseTuple(arguments, "UU:distance", &left, &right))
		return NULL;
	left_length = PyUnicode_GetLength(left);
	right_length = PyUnicode_GetLength(right);
	row = PyMem_Calloc(right_length + 1, sizeof *row);
	if (!row)
		return PyErr_NoMemory();

	/* row[j]: from the first i characters of left to the first j of right. */
	for (Py_ssize_t j = 0; j <= right_length; j++)
		row[j] = j;
	for (Py_ssize_t i = 1; i <= left_length; i++) {
		Py_ssize_t diagonal = row[0];

		row[0] = i;
		for (Py_ssize_t j = 1; j <= right_length; j++) {
			Py_ssize_t replaced = diagonal + (PyUnicode_ReadChar(left, i - 1) !=
							  PyUnicode_ReadChar(right, j - 1));

			diagonal = row[j];
			row[j] = least(replaced, least(row[j], row[j - 1]) + 1);
		}
	}

	Py_ssize_t result = row[right_length];

	PyMem_Free(row);
	return PyLong_FromSsize_t(result);
}

static PyMethodDef methods[] = {
	{"distance", distance, METH_VARARGS, "Levenshtein's distance of two words."},
	{NULL, NULL, 0, NULL},
};

static int add_constants(PyObject *module)
{
	return PyModule_AddStringConstant(module, "MACHINE", MACHINE);
}

static PyModuleDef_Slot slots[] = {
	{Py_mod_exec, add_constants},
	{0, NULL},
};

static struct PyModuleDef definition = {
	PyModuleDef_HEAD_INIT,
	.m_name = "nearest._distance",
	.m_methods = methods,
	.m_slots = slots,
};

PyMODINIT_FUNC PyInit__distance(void)
{
	return PyModuleDef_Init(&definition);
}

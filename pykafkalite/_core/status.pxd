from pykafkalite._core.native cimport PKL_OK, pkl_status

cdef int fail(pkl_status status, str what, Py_ssize_t position=*) except -1


cdef inline int check(pkl_status status, str what) except -1:
    """0 when `status` is PKL_OK, else the exception that it is; `what` begins the message.  Needs the GIL."""
    return 0 if status == PKL_OK else fail(status, what)

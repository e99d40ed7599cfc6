# This scenario needs no functions of its own.

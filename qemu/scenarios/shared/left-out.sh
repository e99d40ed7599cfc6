# These scenarios need no functions of their own.

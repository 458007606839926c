"""A connector whose import raises what is no ordinary exception."""


class Unheard(BaseException):
    """No ordinary exception."""


raise Unheard("this connector raises a BaseException")

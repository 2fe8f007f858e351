"""The exceptions: one class for each status of a failed request.

::

    requests.HTTPError
    └── CloudElementsError
        ├── BadRequestError            400
        ├── UnauthorizedError          401
        ├── ForbiddenError             403
        ├── NotFoundError              404
        ├── MethodNotAllowedError      405
        ├── NotAcceptableError         406
        ├── ConflictError              409
        ├── UnsupportedMediaTypeError  415
        ├── ServerError                500
        ├── FailedRequestError         502
        └── UnlistedStatusError        any other status of 400 or more

`NORMALIZED_ERRORS` says what each status means.
"""

from ._errors.base import CloudElementsError
from ._errors.classes import *

__all__ = ["BadRequestError", "CloudElementsError", "ConflictError"]
__all__ += ["FailedRequestError", "ForbiddenError", "MethodNotAllowedError"]
__all__ += ["NotAcceptableError", "NotFoundError", "ServerError", "UnauthorizedError"]
__all__ += ["UnlistedStatusError", "UnsupportedMediaTypeError"]

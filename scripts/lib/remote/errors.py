"""Errors of object stores and their clients, in plain words."""

import re
from collections.abc import Iterator

from lib.core.text import one_line


class Unable(Exception):
    """What the store failed to do, as the end of a sentence that begins with its name."""


# Error codes of the stores and exception classes of their clients -> what they mean.
MEANINGS = {
    # What gcloud auth login leaves behind is for gcloud alone.
    "Anonymous caller": "needs credentials, and there are none: log in with gcloud auth application-default login",
    "NoCredentialsError": "needs credentials, and there are none: log in with aws configure, or set AWS_PROFILE",
    "'Invalid JWT.*": "refused the service account: its key was deleted, or the clock of this machine is wrong",
    "'Token has been expired.*|'Bad Request'.*|Reauthentication is needed.*|ReauthFailError": (
        "needs a new login, since the last one expired: gcloud auth application-default login"
    ),
    r"\w*SSO\w*Error|TokenRetrievalError|ExpiredToken(Exception)?": (
        "needs a new login, since the last one expired: log in again, for example with aws sso login"
    ),
    # To a HEAD, which gets no code, S3 answers 400 for a login that expired.
    "InvalidAccessKeyId|InvalidToken|AuthFailure|401|Bad Request": "refused the credentials",
    "SignatureDoesNotMatch": "refused the credentials: the secret key is wrong or, in some stores, the REGION",
    "retention policy": "has a retention policy: no object there may be replaced or deleted, and some have to be",
    r"scope\(s\)": "refused the credentials: the access scopes of this machine do not let them {step} there",
    r"sts:\w+": "cannot be logged in to, since {mark} was refused: see the role and its trust policy",
    r"kms:\w+": "refused the credentials: they also need {mark}, for the KMS key of this bucket",
    "AccessDenied|AllAccessDisabled|AccountProblem|403|Forbidden": "refused the credentials: they may not {step} there",
    "NoSuchBucket|NotFound": "names a bucket that does not exist",
    "NoSuchKey": "is not found{at}: ENDPOINT is the address of the store, without the name of the bucket",
    "InvalidBucketName|ParamValidationError": "has a name that the store does not allow for a bucket",
    "PermanentRedirect|Redirect|AuthorizationHeaderMalformed|IllegalLocationConstraintException|301|307": (
        "is a bucket of another region; set that: make remote URL=… REGION=…"
    ),
    r"SlowDown|ServiceUnavailable|InternalError|429|50\d": "is overloaded or unavailable, as it says ({mark})",
    "SecureProxy": "cannot be read through a proxy at an https:// address: name one at http:// in HTTPS_PROXY",
    "SSLCertVerificationError": (
        "cannot be reached safely{at}: its certificate is not trusted here; if it is of an authority of your own, "
        "set REQUESTS_CA_BUNDLE to the file of that"
    ),
    "TimeoutError": "cannot be reached{at} in time (to wait longer: TIMEOUT=seconds)",
    "HTTPClientError|ConnectionError|TransportError"
    "|RequestException|gaierror|EndpointConnectionError|IncompleteRead": "cannot be reached{at}",
}
# Classes of what went wrong on the way to a proxy; the last is for one of a kind that requests lacks, such as SOCKS.
PROXY = {"ProxyError", "ProxyConnectionError", "InvalidSchema"}


def _marks(error: BaseException | None) -> Iterator[str]:
    """What may tell the kind of `error`: the marks of its cause, its text after a colon, its code, its classes."""
    if error is None:
        return
    yield from _marks(error.__cause__ or error.__context__)
    yield str(error).partition(" does ")[0].rpartition(": ")[2]
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", "")  # of an upload that Google refused
    yield str(response["Error"].get("Code") if isinstance(response, dict) else getattr(error, "code", status))
    yield from (kind.__name__ for kind in type(error).__mro__)


def sentence(error: Exception, step: str, at: str | None = None) -> str:
    """What `error`, raised by an attempt to `step` at the endpoint `at`, means, worded to follow the store's name."""
    if isinstance(error, Unable):
        return str(error)
    # First the permission that AWS says is missing, and why Google refuses what is permitted.
    said = f"{error} {getattr(error, 'said', '')}"
    marks = [*re.findall(r"(?:kms|sts):[A-Z]\w+|retention policy|scope\(s\)", said), *_marks(error)]
    proxy = " through the proxy that HTTPS_PROXY or HTTP_PROXY names" if PROXY.intersection(marks) else ""
    for mark in marks:
        for pattern, meaning in MEANINGS.items():
            if re.fullmatch(pattern, mark):
                return meaning.format(step=step, mark=mark, at=(f" at {one_line(at)}" if at else "") + proxy)
    return f"failed: {one_line(error).rstrip('.')}"

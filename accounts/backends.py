"""How people are found when they sign in."""

from allauth.account.auth_backends import AuthenticationBackend

from accounts.models import User


class ByMailAddress(AuthenticationBackend):
    """Finds people by their mail address in whatever case it is typed.

    Where there is nobody a password is hashed all the same, so that the time of an answer says
    nothing.
    """

    def _authenticate_by_email(self, email: str, password: str) -> User | None:
        user = User.objects.filter(email__iexact=email).first()
        found: User | None = self._check_password(user, password)
        return found

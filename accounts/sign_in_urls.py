"""Addresses of sign-in and second factors, by the names that django-allauth knows.

What is not here is switched off: sign-up, mail addresses besides one's own, and the rest.
"""

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from django.urls import path, register_converter
from django.urls.converters import StringConverter
from django.views.generic import RedirectView, TemplateView

from accounts.views import sign_in
from accounts.views.sign_in import of_anybody, of_person


class PersonConverter(StringConverter):
    """The number of a person as links have it: at most the largest that a database takes."""

    regex = "[0-9a-z]{1,12}"


class KeyConverter(StringConverter):
    """What a link to set a password ends with."""

    regex = "[0-9A-Za-z-]{1,100}"


register_converter(PersonConverter, "person")
register_converter(KeyConverter, "key")

to_sign_in = RedirectView.as_view(pattern_name="account_login")
inactive = TemplateView.as_view(template_name="account/account_inactive.html")
forgotten = TemplateView.as_view(template_name="accounts/forgot_password_sent.html")

urlpatterns = [
    path("sign-in", of_anybody(sign_in.SignIn.as_view()), name="account_login"),
    path("sign-out", sign_in.SignOut.as_view(), name="account_logout"),
    path("session", sign_in.session, name="session"),
    path("sign-in/second-factor", sign_in.second_factor, name="mfa_authenticate"),
    path("sign-in/passkey", of_anybody(webauthn.login_webauthn), name="mfa_login_webauthn"),
    path("sign-in/inactive", inactive, name="account_inactive"),
    path("sign-in/again", of_person(account.reauthenticate), name="account_reauthenticate"),
    path("sign-in/again/code", of_person(mfa.reauthenticate), name="mfa_reauthenticate"),
    path(
        "sign-in/again/passkey",
        of_person(webauthn.reauthenticate_webauthn),
        name="mfa_reauthenticate_webauthn",
    ),
    path(
        "sign-in/<str:provider_id>/login",
        of_anybody(sign_in.single_sign_on),
        name="openid_connect_login",
    ),
    path(
        "sign-in/<str:provider_id>/login/callback",
        of_anybody(sign_in.single_sign_on_callback),
        name="openid_connect_callback",
    ),
    # Names that allauth leads to where something went wrong.
    path("sign-in/single-sign-on/canceled", to_sign_in, name="socialaccount_login_cancelled"),
    path("sign-in/single-sign-on/failed", to_sign_in, name="socialaccount_login_error"),
    path("password/forgot", sign_in.forgot_password, name="account_reset_password"),
    path("password/forgot/sent", forgotten, name="account_reset_password_done"),
    path(
        "password/new/<person:uidb36>/<key:key>/",
        of_anybody(account.password_reset_from_key),
        name="account_reset_password_from_key",
    ),
    path("password/new/done", to_sign_in, name="account_reset_password_from_key_done"),
    path("profile/password", of_person(account.password_change), name="account_change_password"),
    path("profile/password/set", of_person(account.password_set), name="account_set_password"),
    path("profile/second-factor/", of_person(mfa.index), name="mfa_index"),
    path("profile/second-factor/app/new", of_person(totp.activate_totp), name="mfa_activate_totp"),
    path(
        "profile/second-factor/app/remove",
        of_person(totp.deactivate_totp),
        name="mfa_deactivate_totp",
    ),
    path(
        "profile/second-factor/codes/",
        of_person(codes.view_recovery_codes),
        name="mfa_view_recovery_codes",
    ),
    path(
        "profile/second-factor/codes/new",
        of_person(codes.generate_recovery_codes),
        name="mfa_generate_recovery_codes",
    ),
    path(
        "profile/second-factor/codes/file",
        of_person(sign_in.download_recovery_codes),
        name="mfa_download_recovery_codes",
    ),
    path(
        "profile/second-factor/passkeys/",
        of_person(RedirectView.as_view(pattern_name="mfa_index")),
        name="mfa_list_webauthn",
    ),
    path(
        "profile/second-factor/passkeys/new",
        of_person(webauthn.add_webauthn),
        name="mfa_add_webauthn",
    ),
    path(
        "profile/second-factor/passkeys/<int:pk>/name",
        of_person(webauthn.edit_webauthn),
        name="mfa_edit_webauthn",
    ),
    path(
        "profile/second-factor/passkeys/<int:pk>/remove",
        of_person(webauthn.remove_webauthn),
        name="mfa_remove_webauthn",
    ),
]

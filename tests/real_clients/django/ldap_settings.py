import ldap
from django_auth_ldap.config import LDAPSearch

AUTHENTICATION_BACKENDS = ["django_auth_ldap.backend.LDAPBackend"]
AUTH_LDAP_SERVER_URI = "ldap://127.0.0.1:3890"
AUTH_LDAP_START_TLS = True
AUTH_LDAP_CONNECTION_OPTIONS = {
    ldap.OPT_X_TLS_CACERTFILE: "/etc/ssl/authority.pem",
    ldap.OPT_X_TLS_NEWCTX: 0,
}
AUTH_LDAP_BIND_DN = "cn=app,dc=example,dc=com"
AUTH_LDAP_BIND_PASSWORD = "app-secret"
AUTH_LDAP_USER_SEARCH = LDAPSearch(
    "ou=people,dc=example,dc=com",
    ldap.SCOPE_SUBTREE,
    "(&(uid=%(user)s)(memberOf=cn=app-users,ou=groups,dc=example,dc=com))",
)
AUTH_LDAP_USER_ATTR_MAP = {"email": "mail"}

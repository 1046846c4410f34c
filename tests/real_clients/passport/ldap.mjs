export const server = {
  url: "ldap://127.0.0.1:3890",
  bindDN: "cn=app,dc=example,dc=com",
  bindCredentials: "app-secret",
  searchBase: "ou=people,dc=example,dc=com",
  searchFilter: "(&(uid={{username}})(memberOf=cn=app-users,ou=groups,dc=example,dc=com))",
};

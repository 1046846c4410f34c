import { readFileSync } from "node:fs";

export const server = {
  url: "ldaps://127.0.0.1:6360",
  tlsOptions: { ca: [readFileSync("/etc/ssl/authority.pem")] },
  bindDN: "cn=app,dc=example,dc=com",
  bindCredentials: "app-secret",
  searchBase: "ou=people,dc=example,dc=com",
  searchFilter: "(&(uid={{username}})(memberOf=cn=app-users,ou=groups,dc=example,dc=com))",
  groupSearchBase: "ou=groups,dc=example,dc=com",
  groupSearchFilter: "(member={{dn}})",
  groupSearchAttributes: ["cn"],
};

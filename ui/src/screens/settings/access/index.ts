import { KeyRound, LogIn, ShieldHalf, Users } from "lucide-react";
import type { Screen } from "../../screen";
import type { SettingsSection } from "../section";

export const access: readonly SettingsSection[] = [
  {
    id: "people",
    group: "access",
    title: "people:title",
    icon: Users,
    permission: ["user.read"],
    also: "users accounts invites members",
    docs: "people",
    full: true,
    load: () => import("./people/PeopleSection"),
  },
  {
    id: "roles",
    group: "access",
    title: "roles:title",
    icon: ShieldHalf,
    permission: ["role.read"],
    also: "permissions grants rights",
    docs: "roles",
    full: true,
    load: () => import("./roles/RolesSection"),
  },
  {
    id: "keys",
    group: "access",
    title: "apikeys:title",
    icon: KeyRound,
    permission: ["key.read"],
    also: "api keys secrets tokens",
    docs: "keys",
    full: true,
    load: () => import("./keys/Keys"),
  },
  {
    id: "sign-in",
    group: "access",
    title: "sso:title",
    icon: LogIn,
    permission: ["sso.read", "system.read", "system.key.rotate"],
    also: "sso single sign-on openid oidc second factor jwks",
    docs: "single-sign-on",
    full: true,
    load: () => import("./sso/SignInSection"),
  },
];

/** What the lists above open. */
export const accessScreens: readonly Screen[] = [
  {
    path: "/settings/people/$id",
    title: "people:one",
    permission: ["user.read"],
    docs: "people",
    load: () => import("./people/PersonPage"),
  },
  {
    path: "/settings/roles/$id",
    title: "roles:one",
    permission: ["role.read"],
    docs: "roles",
    load: () => import("./roles/RolePage"),
  },
  {
    path: "/settings/keys/$id",
    title: "apikeys:one",
    permission: ["key.read"],
    docs: "keys",
    load: () => import("./keys/KeyPage"),
  },
  {
    path: "/settings/sign-in/$id",
    title: "sso:one",
    permission: ["sso.read"],
    docs: "single-sign-on",
    load: () => import("./sso/ProviderPage"),
  },
];

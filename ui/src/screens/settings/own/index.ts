import { MonitorSmartphone, Palette, ShieldCheck, UserRound } from "lucide-react";
import type { SettingsSection } from "../section";

export const own: readonly SettingsSection[] = [
  {
    id: "account",
    group: "own",
    title: "account:title",
    icon: UserRound,
    also: "profile name password identities",
    docs: "account",
    load: () => import("./Account"),
  },
  {
    id: "second-factor",
    group: "own",
    title: "factors:title",
    icon: ShieldCheck,
    also: "2fa totp authenticator passkey recovery codes",
    docs: "account",
    load: () => import("./Factors"),
  },
  {
    id: "appearance",
    group: "own",
    title: "settings:appearance",
    icon: Palette,
    also: "theme dark light language contrast",
    docs: "appearance",
    load: () => import("./Appearance"),
  },
  {
    id: "sessions",
    group: "own",
    title: "settings:sessions",
    icon: MonitorSmartphone,
    also: "signed in browsers tokens",
    docs: "account",
    load: () => import("./Sessions"),
  },
];

import { FileKey2 } from "lucide-react";
import type { SettingsSection } from "../section";

export const fileKeys: readonly SettingsSection[] = [
  {
    id: "file-keys",
    group: "project",
    title: "filekeys:title",
    icon: FileKey2,
    permission: ["file.key.read"],
    also: "age gpg passphrase vault kms encryption plain files",
    docs: "file-keys",
    full: true,
    load: () => import("./FileKeys"),
  },
];

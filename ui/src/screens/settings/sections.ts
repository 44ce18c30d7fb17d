import { files } from "./files";
import { own } from "./own";
import type { SettingsSection } from "./section";

/** Every section, one line per noun. */
export const SECTIONS: readonly SettingsSection[] = [...own, ...files];

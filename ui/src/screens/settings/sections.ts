import { access } from "./access";
import { alerting } from "./alerting";
import { fileKeys } from "./filekeys";
import { own } from "./own";
import { project } from "./project";
import type { SettingsSection } from "./section";
import { system } from "./system";

/** Every section, one line per noun. */
export const SECTIONS: readonly SettingsSection[] = [
  ...own,
  ...access,
  ...project,
  ...system,
  ...alerting,
  ...fileKeys,
];

import { useCan, useWho } from "@/shell/session";
import type { SettingsSection } from "./section";
import { SECTIONS } from "./sections";

/** The sections that whoever is signed in can use. */
export function useSections(): readonly SettingsSection[] {
  const can = useCan();
  const { projects } = useWho();
  return SECTIONS.filter(
    ({ permission, everywhere }) => (!permission || can(...permission)) && (!everywhere || projects === null),
  );
}

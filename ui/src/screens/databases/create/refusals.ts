import type { EngineOut } from "@/api";
import type { ApiError } from "@/shell/api";

/** Engines that Holdfast can make a database of; others are only connected to. */
export function offer(engine: EngineOut): boolean {
  const hosts = engine.capabilities.hosts;
  return !Array.isArray(hosts) || hosts.length === 0 || hosts.some((host) => host !== "external");
}

/**
 * What the server said, at the field it is about; `rest` is what belongs to none of them and is told below the form.
 * A name that is taken is a conflict without a field: it is the name's.
 */
export function refusals(
  error: ApiError | null,
  options: readonly string[],
): { byField: Record<string, string>; rest: ApiError | null } {
  if (!error) return { byField: {}, rest: null };
  const here = new Set(["name", "environment_id", ...options]);
  const byField: Record<string, string> = {};
  let strangers = Object.keys(error.fields).length === 0;
  for (const [field, message] of Object.entries(error.fields)) {
    const name = field.replace(/^spec\./, "").split(".")[0] ?? field;
    if (here.has(name)) byField[name] = message;
    else strangers = true;
  }
  if (Object.keys(error.fields).length === 0 && /name/.test(error.code)) {
    byField.name = [error.message, error.hint].filter(Boolean).join(". ");
    strangers = false;
  }
  return { byField, rest: strangers ? error : null };
}

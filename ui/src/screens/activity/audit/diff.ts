type Details = Record<string, unknown>;

export interface Change {
  name: string;
  /** null: it was not there. */
  before: string | null;
  after: string | null;
}

const isRecord = (value: unknown): value is Details =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Text as it is; everything else as JSON, with the keys of objects in one order so that equal things look equal. */
export function said(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(ordered(value), null, 1).replaceAll(/\n\s*/g, " ");
}

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, ordered(value[key])]),
  );
}

/** What a row of the log says was changed: its `before` and `after`, nested objects field by field, equal ones left out. */
export function changesOf(details: Details): Change[] {
  if (!isRecord(details.before) && !isRecord(details.after)) return [];
  return compared(isRecord(details.before) ? details.before : {}, isRecord(details.after) ? details.after : {}, "");
}

function compared(before: Details, after: Details, within: string): Change[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.flatMap((name) => {
    const [was, is] = [before[name], after[name]];
    if (isRecord(was) && isRecord(is)) return compared(was, is, `${within}${name}.`);
    const change = {
      name: within + name,
      before: was === undefined || was === null ? null : said(was),
      after: is === undefined || is === null ? null : said(is),
    };
    return change.before === change.after ? [] : [change];
  });
}

/** Everything else it says, as name and text. */
export function restOf(details: Details): [string, string][] {
  return Object.entries(details)
    .filter(([name, value]) => value !== null && !((name === "before" || name === "after") && isRecord(value)))
    .map(([name, value]) => [name, said(value)]);
}

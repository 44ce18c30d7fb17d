import { formatDialect, postgresql, sql, sqlite } from "sql-formatter";

const DIALECTS = { postgresql, sqlite } as const;

/** Laid out; throws on what it cannot read. A dialect it does not know is read as standard SQL. */
export function formatted(text: string, dialect: unknown): string {
  const known = DIALECTS[dialect as keyof typeof DIALECTS] ?? sql;
  return formatDialect(text, { dialect: known, keywordCase: "upper", tabWidth: 2, paramTypes: { named: [":"] } });
}

import { KeyRound } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { ShapeOut } from "@/api";
import { Section } from "@/parts/Page";
import { Badge } from "@/parts/small";

const HEAD = "border-b py-1.5 pr-4 text-left font-medium text-muted text-xs";
const CELL = "border-b py-1.5 pr-4 align-top";

/** What shapes a table: columns, keys, indexes, triggers. */
export function Structure({ shape }: { shape: ShapeOut }) {
  const { t } = useTranslation();
  return (
    <div className="h-full overflow-auto">
      <Section title={t("tables:columns")}>
        <div className="overflow-x-auto">
          <table className="w-full min-w-md">
            <thead>
              <tr>
                {["name", "type", "null", "default"].map((each) => (
                  <th key={each} scope="col" className={HEAD}>
                    {t(`tables:head.${each}`)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {shape.columns.map((column) => (
                <tr key={column.name}>
                  <td className={`${CELL} font-medium`}>
                    <span className="flex items-center gap-1.5">
                      {column.name}
                      {column.primary_key > 0 && (
                        <KeyRound className="size-3 text-accent-text" aria-label={t("tables:primaryKey")} />
                      )}
                      {column.generated && <Badge>{t("tables:generated")}</Badge>}
                    </span>
                  </td>
                  <td className={`${CELL} font-mono text-xs`}>{column.type}</td>
                  <td className={`${CELL} text-muted`}>
                    {column.nullable ? t("tables:nullable") : t("tables:required")}
                  </td>
                  <td className={`${CELL} break-all font-mono text-muted text-xs`}>{column.default ?? ""}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </Section>
      {shape.constraints.length > 0 && (
        <Section title={t("tables:constraints")}>
          <ul className="grid gap-2">
            {shape.constraints.map((each) => (
              <li key={`${each.name}${each.definition}`} className="grid gap-0.5">
                <span className="flex items-center gap-2 font-medium">
                  {each.name ?? each.columns.join(", ")} <Badge>{each.kind.replaceAll("_", " ")}</Badge>
                </span>
                <code className="break-words text-muted text-xs">{each.definition}</code>
              </li>
            ))}
          </ul>
        </Section>
      )}
      {shape.indexes.length > 0 && (
        <Section title={t("tables:indexes")}>
          <ul className="grid gap-2">
            {shape.indexes.map((each) => (
              <li key={each.name} className="grid gap-0.5">
                <span className="flex items-center gap-2 font-medium">
                  {each.name} {each.unique && <Badge>{t("tables:unique")}</Badge>}
                </span>
                <code className="break-words text-muted text-xs">{each.definition ?? each.columns.join(", ")}</code>
              </li>
            ))}
          </ul>
        </Section>
      )}
      {shape.triggers.length > 0 && (
        <Section title={t("tables:triggers")}>
          <ul className="grid gap-1">
            {shape.triggers.map((each) => (
              <li key={each}>{each}</li>
            ))}
          </ul>
        </Section>
      )}
      {shape.definition && (
        <Section title={t("tables:definition")}>
          <pre className="overflow-x-auto rounded-md bg-sunken p-3 font-mono text-xs">{shape.definition}</pre>
        </Section>
      )}
    </div>
  );
}

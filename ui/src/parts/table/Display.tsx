import { Download, SlidersHorizontal } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { CheckItem, Choice, Item, Line, Menu, Title } from "@/parts/Menu";
import { asError } from "@/shell/api";
import { appearance, change as changeAppearance } from "@/shell/appearance";
import { useStore } from "@/shell/store";
import { toast } from "@/shell/toasts";
import { saveFile, toCsv, toJson } from "./export";
import type { TableState } from "./state";
import type { Column } from "./types";

interface Props<R> {
  id: string;
  columns: readonly Column<R>[];
  shown: readonly Column<R>[];
  change: (patch: Partial<TableState>) => void;
  all: () => Promise<R[]>;
}

/** Columns, density, and the rows as a file. */
export function Display<R>({ id, columns, shown, change, all }: Props<R>) {
  const { t } = useTranslation();
  const { density } = useStore(appearance);
  function show(column: Column<R>, wanted: boolean) {
    const next = columns.filter((each) => (each === column ? wanted : shown.includes(each)));
    const usual = next.length === columns.filter(({ spare }) => !spare).length && next.every(({ spare }) => !spare);
    if (next.length > 0) change({ columns: usual ? null : next.map((each) => each.id) });
  }
  async function save(as: "csv" | "json") {
    try {
      const rows = await all();
      if (as === "csv") saveFile(`${id}.csv`, "text/csv", toCsv(rows, columns));
      else saveFile(`${id}.json`, "application/json", toJson(rows, columns));
    } catch (thrown) {
      toast.bad(asError(thrown).message, asError(thrown).hint ?? undefined);
    }
  }
  return (
    <Menu
      align="end"
      wide
      trigger={
        <Button look="quiet" icon={<SlidersHorizontal />}>
          <span className="hidden sm:inline">{t("shell:display")}</span>
          <span className="sr-only sm:hidden">{t("shell:display")}</span>
        </Button>
      }
    >
      <Title>{t("shell:columns")}</Title>
      {columns.map((column, at) => (
        <CheckItem
          key={column.id}
          disabled={at === 0}
          checked={shown.includes(column)}
          onChange={(wanted) => show(column, wanted)}
        >
          {column.title}
        </CheckItem>
      ))}
      <Line />
      <Title>{t("shell:density")}</Title>
      <Choice
        value={density}
        onChange={(value) => changeAppearance({ density: value as typeof density })}
        options={[
          { value: "comfortable", label: t("shell:comfortable") },
          { value: "compact", label: t("shell:compact") },
        ]}
      />
      <Line />
      <Title>{t("shell:export")}</Title>
      <Item icon={<Download />} onSelect={() => void save("csv")}>
        CSV
      </Item>
      <Item icon={<Download />} onSelect={() => void save("json")}>
        JSON
      </Item>
    </Menu>
  );
}

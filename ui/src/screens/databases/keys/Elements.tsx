import { Plus, Trash2 } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { ValueOut } from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { count } from "@/parts/text";
import { asError } from "@/shell/api";
import { toast } from "@/shell/toasts";
import { ResultGrid } from "../sql/ResultGrid";
import { change, type Place, readAgain } from "./client";
import { ElementForm } from "./ElementForm";
import { backOf, type Change, columnsOf, type KeyType, putOf, removeOf, rowOf, writableOf } from "./elements";
import type { KeyName } from "./names";

interface Props {
  place: Place;
  name: KeyName;
  parts: readonly ValueOut[];
  writable: boolean;
  onEnd: () => void;
}

const NONE: ReadonlySet<number> = new Set();

/** What a key of several elements holds, part after part; changed element by element. */
export function Elements({ place, name, parts, writable, onEnd }: Props) {
  const { t } = useTranslation();
  const [picked, setPicked] = useState(NONE);
  const [asked, setAsked] = useState<"add" | "remove" | null>(null);
  const [first] = parts;
  const type = (first?.type ?? "list") as KeyType;
  const elements = useMemo(() => parts.flatMap((part) => part.elements), [parts]);
  const rows = useMemo(() => elements.map((each, at) => rowOf(type, each, at)), [elements, type]);
  const columns = columnsOf(type);
  const canWrite = writableOf(type);

  async function apply(edit: Change, back: Change | null, said: string) {
    await change(place, name, edit, first?.digest ?? null);
    setPicked(NONE);
    void readAgain(place);
    if (!back) {
      toast.good(said);
      return;
    }
    const undo = () => void change(place, name, back, null).then(() => readAgain(place), failed);
    toast.undo(said, t("shell:undo"), undo);
  }
  const failed = (thrown: unknown) => toast.bad(asError(thrown).message, asError(thrown).hint ?? undefined);
  const chosen = [...picked].sort((a, b) => a - b).flatMap((at) => (at < rows.length ? [at] : []));

  return (
    <div className="flex h-full min-h-0 flex-col">
      <div className="flex h-11 shrink-0 items-center gap-2 px-4">
        <span role="status" className="min-w-0 flex-1 truncate text-muted text-xs">
          {chosen.length > 0
            ? t("shell:picked", { count: chosen.length })
            : t("sql:rows", { count: rows.length, rows: count(rows.length) + (parts.at(-1)?.next_cursor ? "+" : "") })}
        </span>
        {writable && chosen.length > 0 && (
          <Button look="danger" icon={<Trash2 />} onClick={() => setAsked("remove")}>
            {t("keys:remove")}
          </Button>
        )}
        {writable && (
          <Button icon={<Plus />} onClick={() => setAsked("add")}>
            {t("keys:add")}
          </Button>
        )}
      </div>
      <div className="min-h-0 flex-1 border-t">
        <ResultGrid
          label={t("keys:value")}
          columns={columns}
          rows={rows}
          count={rows.length}
          noNull
          editable={(_, column) => writable && column === canWrite}
          onEdit={(row, column, value) => {
            const [before, element] = [rows[row], elements[row]];
            if (!before) return;
            const back = putOf(before, type === "list" ? element : before[column]);
            apply(putOf(before, value), back, t("keys:changed")).catch(failed);
          }}
          picked={writable ? picked : undefined}
          onPick={
            writable
              ? (from, to, value) => {
                  const next = new Set(picked);
                  for (let at = Math.min(from, to); at <= Math.max(from, to); at++)
                    value ? next.add(at) : next.delete(at);
                  setPicked(next);
                }
              : undefined
          }
          onEnd={onEnd}
        />
      </div>
      {asked === "add" && (
        <ElementForm
          type={type}
          act={async (put) => apply({ put, remove: [] }, null, t("keys:changed"))}
          onClose={() => setAsked(null)}
        />
      )}
      <Confirm
        open={asked === "remove"}
        onOpenChange={() => setAsked(null)}
        danger
        title={t("keys:removeTitle", { count: chosen.length })}
        lead={t(
          chosen.length === first?.size
            ? "keys:removeAll"
            : backOf(type, [])
              ? "keys:removeLead"
              : "keys:removeForGood",
        )}
        verb={t("keys:remove")}
        act={() =>
          apply(
            removeOf(chosen.map((at) => rows[at] ?? [])),
            chosen.length === first?.size
              ? null
              : backOf(
                  type,
                  chosen.map((at) => elements[at]),
                ),
            t("keys:removed", { count: chosen.length }),
          )
        }
      />
    </div>
  );
}

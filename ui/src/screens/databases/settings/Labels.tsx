import { X } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { Field, Input } from "@/parts/Field";
import { labelOf, relabelled, written } from "./labels";

interface Props {
  labels: Readonly<Record<string, string>>;
  onChange: (labels: Record<string, string>) => void;
  error?: string | undefined;
}

/** Labels put on and taken off one by one; nothing is sent until the form is. */
export function Labels({ labels, onChange, error }: Props) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  function add() {
    const made = labelOf(typed);
    setTyped("");
    if (made) onChange(relabelled(labels, [made]));
  }
  return (
    <Field label={t("databases:labels")} hint={t("dbsettings:labelsHint")} error={error}>
      {(given) => (
        <div className="grid gap-2">
          {Object.keys(labels).length > 0 && (
            <div className="flex flex-wrap gap-1.5">
              {Object.entries(labels).map((each) => (
                <span
                  key={each[0]}
                  className="inline-flex h-6 max-w-full items-center rounded-md bg-hover pl-2 text-xs"
                >
                  <span className="truncate">{written(each)}</span>
                  <button
                    type="button"
                    aria-label={t("dbsettings:unlabel", { label: written(each) })}
                    className="grid size-6 shrink-0 place-items-center text-muted hover:text-text"
                    onClick={() => onChange(relabelled(labels, [], [each[0]]))}
                  >
                    <X className="size-3" />
                  </button>
                </span>
              ))}
            </div>
          )}
          <div className="flex gap-2">
            <Input
              {...given}
              value={typed}
              placeholder="tier=gold"
              spellCheck={false}
              autoComplete="off"
              onChange={(event) => setTyped(event.target.value)}
              onKeyDown={(event) => {
                if (event.key !== "Enter") return;
                event.preventDefault();
                add();
              }}
            />
            <Button disabled={!labelOf(typed)} onClick={add}>
              {t("dbsettings:addLabel")}
            </Button>
          </div>
        </div>
      )}
    </Field>
  );
}

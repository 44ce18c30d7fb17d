import { ArrowLeft, KeyRound, Plus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { cx } from "@/parts/classes";
import { Empty, Tip } from "@/parts/small";
import { useAddress } from "@/shell/address";
import { useCan } from "@/shell/session";
import { useShortcut } from "@/shell/useShortcut";
import type { TabProps } from "../tabs";
import type { KeyOut } from "./client";
import { KeyForm } from "./KeyForm";
import { KeyList } from "./KeyList";
import { KeyView } from "./KeyView";
import { idOf } from "./names";

/** Keys at the left, the value of one at the right. The key's name stays out of the address: addresses end in logs. */
export default function KeysTab({ database }: TabProps) {
  const { t } = useTranslation();
  const can = useCan();
  const [search, set] = useAddress();
  const [chosen, setChosen] = useState<KeyOut | null>(null);
  const [adding, setAdding] = useState(false);
  const number = Math.max(0, Math.trunc(Number(search.db)) || 0);
  const place = { id: database.id, database: number };
  const ready = database.state === "ready";
  const writable = ready && can("database.query.write");
  useShortcut("list.new", () => setAdding(true), writable);
  const add = writable && (
    <Tip text={t("keys:new")} id="list.new">
      <Button look="primary" icon={<Plus />} onClick={() => setAdding(true)}>
        {t("keys:new")}
      </Button>
    </Tip>
  );
  if (!ready)
    return (
      <Empty
        dull
        icon={<KeyRound />}
        title={t("sql:notReady", { state: t(`databases:states.${database.state}`, { defaultValue: database.state }) })}
      />
    );
  return (
    <div className="grid h-full min-h-0 grid-rows-[minmax(0,1fr)] sm:grid-cols-[minmax(260px,360px)_minmax(0,1fr)]">
      <div className={cx("min-h-0 min-w-0 sm:block sm:border-r", chosen && "hidden")}>
        <KeyList
          key={number}
          place={place}
          chosen={chosen ? idOf(chosen.name) : null}
          onChoose={setChosen}
          onDatabase={(next) => {
            setChosen(null);
            set({ db: next === 0 ? undefined : String(next) });
          }}
          add={add}
        />
      </div>
      <div className={cx("min-h-0 min-w-0 flex-col sm:flex", chosen ? "flex" : "hidden")}>
        {chosen ? (
          <>
            <Button
              look="quiet"
              className="mx-2 mt-1.5 w-fit sm:hidden"
              icon={<ArrowLeft />}
              onClick={() => setChosen(null)}
            >
              {t("keys:title")}
            </Button>
            <KeyView
              key={`${number} ${idOf(chosen.name)}`}
              place={place}
              found={chosen}
              writable={writable}
              onName={setChosen}
              onGone={() => setChosen(null)}
            />
          </>
        ) : (
          <Empty dull icon={<KeyRound />} title={t("keys:choose")} lead={t("keys:chooseLead")} />
        )}
      </div>
      {adding && <KeyForm place={place} onClose={() => setAdding(false)} onMade={setChosen} />}
    </div>
  );
}

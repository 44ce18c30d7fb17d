import { useTranslation } from "react-i18next";
import { cx } from "@/parts/classes";
import { Tip } from "@/parts/small";
import { live } from "./liveConnection";
import { useWho } from "./session";
import { useStore } from "./store";

/** Whether what one sees moves by itself, and who else looks at this page. */
export function LiveDot() {
  const { t } = useTranslation();
  const who = useWho();
  const state = useStore(live.state);
  const people = useStore(live.people).filter(({ id }) => id !== who.id);
  return (
    <div className="flex items-center gap-1.5">
      {people.slice(0, 3).map((person) => (
        <Tip key={person.id} text={t("shell:alsoHere", { name: person.display })}>
          <span
            role="img"
            aria-label={t("shell:alsoHere", { name: person.display })}
            className="grid size-6 place-items-center rounded-full bg-info-soft font-semibold text-2xs text-info uppercase"
          >
            {person.display.slice(0, 2)}
          </span>
        </Tip>
      ))}
      <Tip text={t(`shell:live.${state}`)}>
        <span role="img" aria-label={t(`shell:live.${state}`)} className="grid size-6 place-items-center">
          <span
            className={cx(
              "size-1.5 rounded-full",
              state === "live" ? "bg-good" : state === "broken" ? "bg-warn" : "animate-pulse bg-faint",
            )}
          />
        </span>
      </Tip>
    </div>
  );
}

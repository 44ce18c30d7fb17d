import { Check, CircleHelp } from "lucide-react";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { cx } from "@/parts/classes";
import { Panel } from "@/parts/ErrorPanel";
import { PageHead } from "@/parts/Page";
import { useAddress, useGo } from "@/shell/address";
import { help } from "@/shell/help";
import { NotFound } from "@/shell/NotFound";
import { useCan } from "@/shell/session";
import { Break } from "./Break";
import { Choose } from "./Choose";
import { mayGuide, putAway } from "./guide";
import { Restore } from "./Restore";
import { Rows } from "./Rows";
import { type Journey, journey, type Step, steps } from "./steps";
import { TakeSnapshot } from "./TakeSnapshot";

export type Move = (patch: Partial<Record<keyof Journey, string | undefined>>) => void;

export interface StepProps {
  of: Journey;
  /** Changes the address: what a step found out, and which one is next. */
  move: Move;
}

const BODIES: Record<Step, (props: StepProps) => React.ReactNode> = {
  choose: Choose,
  snapshot: TakeSnapshot,
  break: Break,
  restore: Restore,
  rows: Rows,
};

/** The page of the documentation that says more about a step. */
const DOCS: Record<Step, string> = {
  choose: "databases",
  snapshot: "snapshots",
  break: "first-use",
  restore: "first-use",
  rows: "first-use",
};

/** From nothing to a table that came back. Where one is stands in the address, so that a reload loses nothing. */
export default function StartPage() {
  const { t } = useTranslation();
  const [search, set] = useAddress();
  const go = useGo();
  const of = journey(search);
  const can = useCan();
  const Body = BODIES[of.step];
  const heading = useRef<HTMLHeadingElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the new step is read out, and Tab goes on from there
  useEffect(() => {
    heading.current?.focus();
  }, [of.step]);
  const move: Move = (patch) => set(patch as Record<string, string | undefined>, patch.step !== undefined);
  if (!mayGuide(can)) return <NotFound />;
  return (
    <div className="flex h-full flex-col overflow-y-auto">
      <PageHead title={t("start:title")} lead={t("start:lead")}>
        <Button
          look="quiet"
          onClick={() => {
            putAway();
            go("/");
          }}
        >
          {t(of.step === "rows" ? "start:close" : "start:leave")}
        </Button>
      </PageHead>
      <div className="grid flex-1 content-start border-t lg:content-stretch lg:grid-cols-[240px_minmax(0,1fr)]">
        <Steps of={of} />
        <section className="min-w-0 border-t px-4 py-6 sm:px-8 lg:border-t-0 lg:border-l">
          <div className="grid max-w-2xl gap-4">
            <div>
              <h2 ref={heading} tabIndex={-1} className="font-semibold text-lg outline-none">
                {t(`start:${of.step}.title`)}
              </h2>
              <p className="mt-1 text-pretty text-muted">
                {t([...(of.own ? [`start:${of.step}.ownLead`] : []), `start:${of.step}.lead`])}
              </p>
              <Button look="quiet" size="small" className="-ml-2 mt-1" onClick={() => help.open(DOCS[of.step])}>
                <CircleHelp />
                {t("start:more")}
              </Button>
            </div>
            <Panel key={of.step}>
              <Body of={of} move={move} />
            </Panel>
          </div>
        </section>
      </div>
    </div>
  );
}

function Steps({ of }: { of: Journey }) {
  const { t } = useTranslation();
  const all = steps(of.own);
  const here = all.indexOf(of.step);
  return (
    <ol aria-label={t("start:steps")} className="flex gap-1 px-4 py-3 sm:px-6 lg:flex-col lg:gap-0.5 lg:px-3 lg:py-5">
      {all.map((step, at) => (
        <li
          key={step}
          aria-current={at === here ? "step" : undefined}
          className={cx(
            "flex min-w-0 items-center gap-2.5 rounded-md px-1.5 py-1.5 lg:px-3",
            at === here ? "flex-1 font-medium lg:flex-none lg:bg-accent-soft lg:text-accent-text" : "text-muted",
          )}
        >
          <span
            className={cx(
              "grid size-5 shrink-0 place-items-center rounded-full text-2xs",
              at < here && "bg-good-soft text-good",
              at === here && "bg-accent font-semibold text-on-accent",
              at > here && "border border-strong-line",
            )}
          >
            {at < here ? <Check className="size-3" aria-hidden /> : at + 1}
          </span>
          <span className={cx("truncate", at !== here && "sr-only lg:not-sr-only")}>{t(`start:${step}.short`)}</span>
          {at < here && <span className="sr-only">{t("start:done")}</span>}
        </li>
      ))}
    </ol>
  );
}

import { Check, Copy } from "lucide-react";
import { Tooltip as Radix } from "radix-ui";
import { type ReactNode, useEffect, useState, useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";
import { keysOf, type ShortcutId, shown } from "@/shell/shortcuts";
import { Button } from "./Button";
import { cx } from "./classes";
import { ago, bytes, moment } from "./text";

export const TONES = {
  good: "bg-good-soft text-good",
  warn: "bg-warn-soft text-warn",
  bad: "bg-bad-soft text-bad",
  info: "bg-info-soft text-info",
  plain: "bg-hover text-muted",
} as const;
export type Tone = keyof typeof TONES;

/** A state in a word, with its own icon: colour alone never says it. */
export function Badge({ tone = "plain", icon, children }: { tone?: Tone; icon?: ReactNode; children: ReactNode }) {
  return (
    <span
      className={cx(
        "inline-flex h-5 max-w-full align-middle items-center gap-1 rounded-sm px-1.5 font-medium text-xs [&_svg]:size-3 [&_svg]:shrink-0",
        TONES[tone],
      )}
    >
      {icon}
      <span className="truncate">{children}</span>
    </span>
  );
}

export function Kbd({ id }: { id: ShortcutId }) {
  return <Keys keys={keysOf(id)} />;
}

export function Keys({ keys }: { keys: string }) {
  return (
    <span className="inline-flex gap-0.5 font-sans" aria-hidden>
      {shown(keys)
        .flat()
        .map((key, at) => (
          <kbd
            // biome-ignore lint/suspicious/noArrayIndexKey: the same key may come twice, and the list never changes
            key={at}
            className="min-w-[18px] rounded-sm border border-strong-line/60 bg-sunken px-1 text-center font-sans text-2xs text-muted leading-4"
          >
            {key}
          </kbd>
        ))}
    </span>
  );
}

export function Tip({ text, id, side, children }: TipProps) {
  return (
    <Radix.Root>
      <Radix.Trigger asChild>{children}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          side={side}
          sideOffset={6}
          collisionPadding={8}
          className="z-50 flex max-w-xs items-center gap-2 rounded-md bg-raised px-2 py-1 text-text text-xs shadow-float"
        >
          {text}
          {id && <Kbd id={id} />}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
interface TipProps {
  text: string;
  id?: ShortcutId;
  side?: "top" | "right" | "bottom" | "left";
  children: ReactNode;
}

export function Skeleton({ className }: { className?: string }) {
  return <span aria-hidden className={cx("block animate-pulse rounded-sm bg-strong-line/35", className)} />;
}

/** Teaches with one action. `dull`: there is something, but not what was looked for. */
export function Empty({ icon, title, lead, action, dull }: EmptyProps) {
  return (
    <div className="grid h-full min-h-56 place-items-center p-6">
      <div className="grid max-w-sm justify-items-center gap-2 text-center">
        <span className={cx("mb-1 [&_svg]:size-6", dull ? "text-faint" : "text-accent-text")} aria-hidden>
          {icon}
        </span>
        <h2 className={cx("font-medium text-base", dull && "text-muted")}>{title}</h2>
        {lead && <p className="text-balance text-muted text-sm">{lead}</p>}
        {action && <div className="mt-2 flex flex-wrap justify-center gap-2">{action}</div>}
      </div>
    </div>
  );
}
interface EmptyProps {
  icon: ReactNode;
  title: string;
  lead?: ReactNode;
  action?: ReactNode;
  dull?: boolean;
}

interface CopyProps {
  text: string;
  label: string;
  /** Beside a text: takes no more height than its line. */
  inline?: boolean;
}

export function CopyButton({ text, label, inline }: CopyProps) {
  const { t } = useTranslation();
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(false), 1600);
    return () => clearTimeout(timer);
  }, [done]);
  return (
    <Tip text={done ? t("shell:copied") : label}>
      <Button
        look="quiet"
        size="icon"
        className={cx("size-7", inline && "-my-1 pointer-coarse:-my-2.5")}
        aria-label={label}
        icon={done ? <Check className="text-good" /> : <Copy />}
        onClick={() => void navigator.clipboard.writeText(text).then(() => setDone(true))}
      />
    </Tip>
  );
}

const ears = new Set<() => void>();
const minute = () => Math.floor(Date.now() / 20_000);

/** One clock for every moment on the page: a list shows a hundred of them. */
function followMinute(ear: () => void): () => void {
  ears.add(ear);
  if (ears.size === 1) clock = setInterval(() => ears.forEach((each) => void each()), 20_000);
  return () => {
    ears.delete(ear);
    if (ears.size === 0) clearInterval(clock);
  };
}
let clock: ReturnType<typeof setInterval> | undefined;

/** "3 min ago"; the whole moment on hover. Moves on by itself. */
export function Time({ at }: { at: string | null | undefined }) {
  useSyncExternalStore(followMinute, minute);
  if (!at) return <span className="text-faint">–</span>;
  return (
    <time dateTime={at} title={moment(at)} className="whitespace-nowrap">
      {ago(at)}
    </time>
  );
}

export function Size({ of }: { of: number | null | undefined }) {
  if (of === null || of === undefined) return <span className="text-faint">–</span>;
  return <span className="whitespace-nowrap">{bytes(of)}</span>;
}

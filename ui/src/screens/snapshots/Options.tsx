import { type ReactNode, useEffect, useRef } from "react";
import { cx } from "@/parts/classes";

interface Props<V extends string> {
  legend: string;
  value: V;
  onChange: (value: V) => void;
  options: readonly { value: V; title: string; lead: ReactNode; icon?: ReactNode; disabled?: boolean }[];
  /** The keyboard begins here. */
  begins?: boolean;
}

/** One of a few, each with what it means. */
export function Options<V extends string>({ legend, value, onChange, options, begins }: Props<V>) {
  const set = useRef<HTMLFieldSetElement>(null);
  useEffect(() => {
    if (begins) set.current?.querySelector<HTMLInputElement>("input:checked")?.focus();
  }, [begins]);
  return (
    <fieldset ref={set} className="grid gap-2">
      <legend className="sr-only">{legend}</legend>
      {options.map((option) => (
        <label
          key={option.value}
          className={cx(
            "flex items-start gap-3 rounded-md border px-3 py-2.5 has-focus-visible:outline-2 has-focus-visible:outline-accent",
            option.disabled && "opacity-60",
            option.value === value ? "border-accent bg-accent-soft" : "border-strong-line/60 hover:bg-hover",
          )}
        >
          <input
            type="radio"
            name={legend}
            className="mt-0.5 size-4 shrink-0 accent-accent outline-none"
            aria-label={option.title}
            checked={option.value === value}
            disabled={option.disabled}
            onChange={() => onChange(option.value)}
          />
          <span className="grid gap-0.5">
            <span className="font-medium">{option.title}</span>
            <span className="text-muted text-xs">{option.lead}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}

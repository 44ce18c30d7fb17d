import type { ReactNode } from "react";
import { cx } from "./classes";

/** One setting: what it is at the left, its control at the right. */
export function Setting({ title, lead, children }: { title: string; lead: string; children: ReactNode }) {
  return (
    <div className="flex flex-wrap items-center gap-x-8 gap-y-2 border-b px-4 py-4 sm:px-6">
      <div className="min-w-56 max-w-md flex-1">
        <h2 className="font-medium">{title}</h2>
        <p className="text-muted text-xs">{lead}</p>
      </div>
      {children}
    </div>
  );
}

interface SegmentsProps {
  label: string;
  value: string;
  options: readonly { value: string; label: string }[];
  onChange: (value: string) => void;
}

/** One of a few, all seen at once. */
export function Segments({ label, value, options, onChange }: SegmentsProps) {
  return (
    <fieldset className="inline-flex justify-self-start rounded-md border bg-sunken p-0.5">
      <legend className="sr-only">{label}</legend>
      {options.map((option) => (
        <label
          key={option.value}
          className={cx(
            "grid h-7 place-items-center rounded-sm px-2.5 font-medium text-xs has-focus-visible:outline-2 has-focus-visible:outline-accent pointer-coarse:h-9",
            option.value === value
              ? "bg-raised text-text shadow-[0_0_0_1px_var(--line)]"
              : "text-muted hover:text-text",
          )}
        >
          <input
            type="radio"
            name={label}
            className="sr-only"
            checked={option.value === value}
            onChange={() => onChange(option.value)}
          />
          {option.label}
        </label>
      ))}
    </fieldset>
  );
}

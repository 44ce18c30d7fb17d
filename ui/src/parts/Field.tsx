import { type ComponentProps, type ReactNode, useId } from "react";
import { cx } from "./classes";

const BOX =
  "w-full rounded-md border border-strong-line/80 bg-panel px-2.5 text-sm text-text hover:border-strong-line " +
  "focus-visible:outline-offset-0 disabled:opacity-60 aria-invalid:border-bad";

export function Input({ className, ...rest }: ComponentProps<"input">) {
  return <input {...rest} className={cx(BOX, "h-8 pointer-coarse:h-10", className)} />;
}

export function Area({ className, ...rest }: ComponentProps<"textarea">) {
  return <textarea {...rest} className={cx(BOX, "min-h-20 py-1.5", className)} />;
}

export function Select({ className, ...rest }: ComponentProps<"select">) {
  return <select {...rest} className={cx(BOX, "h-8 pr-7 pointer-coarse:h-10", className)} />;
}

interface FieldProps {
  label: string;
  hint?: ReactNode;
  error?: string | null;
  /** Beside the label, such as "Optional". */
  aside?: ReactNode;
  children: (given: {
    id: string;
    "aria-invalid": boolean | undefined;
    "aria-describedby": string | undefined;
  }) => ReactNode;
}

/** A label, its control, and what is wrong with it, told to screen readers as one. */
export function Field({ label, hint, error, aside, children }: FieldProps) {
  const id = useId();
  const said = error || hint ? `${id}-said` : undefined;
  return (
    <div className="grid gap-1">
      <div className="flex items-baseline justify-between gap-2">
        <label htmlFor={id} className="font-medium text-text text-xs">
          {label}
        </label>
        {aside && <span className="text-faint text-xs">{aside}</span>}
      </div>
      {children({ id, "aria-invalid": error ? true : undefined, "aria-describedby": said })}
      {(error || hint) && (
        <p id={said} className={cx("text-xs", error ? "text-bad" : "text-muted")}>
          {error || hint}
        </p>
      )}
    </div>
  );
}

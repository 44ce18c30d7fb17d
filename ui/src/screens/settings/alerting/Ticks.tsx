import type { ReactNode } from "react";

interface Props {
  title: string;
  /** What none of them means. */
  none: string;
  picked: readonly string[];
  onChange: (picked: string[]) => void;
  options: readonly { value: string; label: string; aside?: ReactNode }[];
}

/** Some of many; none is all. */
export function Ticks({ title, none, picked, onChange, options }: Props) {
  return (
    <fieldset>
      <legend className="font-medium text-xs">{title}</legend>
      <p className="mb-1 text-muted text-xs">
        {picked.length === 0 ? none : options.flatMap((o) => (picked.includes(o.value) ? [o.label] : [])).join(", ")}
      </p>
      <ul className="max-h-48 overflow-y-auto rounded-md border py-1">
        {options.map(({ value, label, aside }) => (
          <li key={value}>
            <label className="flex min-h-7 items-center gap-2 px-2.5 hover:bg-hover pointer-coarse:min-h-10">
              <input
                type="checkbox"
                className="size-4 accent-accent"
                checked={picked.includes(value)}
                onChange={({ target }) =>
                  onChange(target.checked ? [...picked, value] : picked.filter((each) => each !== value))
                }
              />
              <span className="min-w-0 flex-1 truncate">{label}</span>
              {aside}
            </label>
          </li>
        ))}
      </ul>
    </fieldset>
  );
}

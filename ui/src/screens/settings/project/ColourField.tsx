import { useTranslation } from "react-i18next";
import { ground } from "@/parts/Colour";
import { cx } from "@/parts/classes";

const COLOURS = ["green", "yellow", "red", "blue"] as const;
const NO_COLOUR = "";

interface Props {
  value: string;
  onChange: (colour: string) => void;
  /** A tag may have none. */
  optional?: boolean;
}

/** One of the theme's colours, by name; one that was set elsewhere stays to be chosen. */
export function ColourField({ value, onChange, optional }: Props) {
  const { t } = useTranslation();
  const known: readonly string[] = [...(optional ? [NO_COLOUR] : []), ...COLOURS];
  const all = known.includes(value) ? known : [...known, value];
  return (
    <fieldset className="grid gap-1">
      <legend className="mb-1 font-medium text-xs">{t("projects:colour")}</legend>
      <div className="flex flex-wrap gap-1.5">
        {all.map((each) => {
          const { className, style } = each ? ground(each) : { className: "border border-strong-line" };
          return (
            <label
              key={each}
              className={cx(
                "inline-flex h-8 items-center gap-1.5 rounded-md border px-2.5 text-xs has-focus-visible:outline-2 has-focus-visible:outline-accent pointer-coarse:h-10",
                each === value ? "border-accent bg-accent-soft text-accent-text" : "hover:bg-hover",
              )}
            >
              <input
                type="radio"
                name="colour"
                className="sr-only"
                checked={each === value}
                onChange={() => onChange(each)}
              />
              <span aria-hidden className={cx("size-3 rounded-full", className)} style={style} />
              {each ? t(`projects:colours.${each}`, { defaultValue: each }) : t("projects:noColour")}
            </label>
          );
        })}
      </div>
    </fieldset>
  );
}

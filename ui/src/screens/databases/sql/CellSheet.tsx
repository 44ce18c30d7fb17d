import { useTranslation } from "react-i18next";
import { Dialog } from "@/parts/Dialog";
import { CopyButton } from "@/parts/small";
import { bytes, count } from "@/parts/text";
import { type Cell, textOf } from "./values";

interface Props {
  title: string;
  type: string | null;
  row: number;
  value: Cell;
  onClose: () => void;
}

function pretty(value: Cell): string {
  const text = textOf(value);
  if (typeof value !== "object" && !/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text; // begins like a document and is none
  }
}

/** All of one value. */
export function CellSheet({ title, type, row, value, onClose }: Props) {
  const { t } = useTranslation();
  const isNull = value === null || value === undefined;
  const text = isNull ? "NULL" : pretty(value);
  const size = bytes(new Blob([textOf(value)]).size);
  return (
    <Dialog
      open
      as="sheet"
      onOpenChange={(open) => !open && onClose()}
      title={title}
      lead={[t("sql:row", { row: count(row + 1) }), type, isNull ? null : size].filter(Boolean).join(" · ")}
    >
      <div className="mb-1 flex justify-end">
        <CopyButton text={isNull ? "" : textOf(value)} label={t("sql:copyValue")} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: long text is scrolled by keyboard */}
      <pre
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the same
        tabIndex={0}
        className={`whitespace-pre-wrap break-words rounded-md bg-sunken p-3 font-mono text-xs ${isNull ? "text-faint italic" : ""}`}
      >
        {text}
      </pre>
    </Dialog>
  );
}

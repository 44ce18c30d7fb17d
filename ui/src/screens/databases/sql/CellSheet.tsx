import { ArrowUpRight } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { Area } from "@/parts/Field";
import { CopyButton } from "@/parts/small";
import { bytes, count } from "@/parts/text";
import { bytesOf, type Cell, textOf } from "./values";

interface Props {
  title: string;
  type: string | null;
  row: number;
  value: Cell;
  /** Without it the value is only shown. */
  onChange?: (value: Cell) => void;
  nullable?: boolean;
  onFollow?: () => void;
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
export function CellSheet({ title, type, row, value, onChange, nullable = true, onFollow, onClose }: Props) {
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
      <div className="mb-1 flex items-center justify-end gap-2">
        {onFollow && (
          <Button size="small" icon={<ArrowUpRight />} onClick={onFollow}>
            {t("tables:follow")}
          </Button>
        )}
        <CopyButton text={isNull ? "" : textOf(value)} label={t("sql:copyValue")} />
      </div>
      {onChange ? (
        <Edit
          title={title}
          value={value}
          nullable={nullable}
          onChange={(next) => {
            onChange(next);
            onClose();
          }}
        />
      ) : (
        <pre
          // biome-ignore lint/a11y/noNoninteractiveTabindex: the same
          tabIndex={0}
          className={`whitespace-pre-wrap break-words rounded-md bg-sunken p-3 font-mono text-xs ${isNull ? "text-faint italic" : ""}`}
        >
          {text}
        </pre>
      )}
    </Dialog>
  );
}

/** What is typed keeps the kind of what was there: a number stays one, a document is read as one. */
export function readAs(before: Cell, typed: string): Cell {
  if (bytesOf(before) !== null) return bytesTyped(typed);
  if (typeof before === "number" && /^-?\d+(\.\d+)?$/.test(typed.trim())) return Number(typed);
  if (typeof before === "boolean" && /^(true|false)$/i.test(typed.trim())) return typed.trim().toLowerCase() === "true";
  if (typeof before === "object" && before !== null) return JSON.parse(typed);
  return typed;
}

/** `\\x00ff` as bytes. */
function bytesTyped(typed: string): Cell {
  const text = typed.replace(/\s|\\x/g, "");
  if (text.length % 2 === 1 || !/^[0-9a-f]*$/i.test(text)) throw new Error("not hexadecimal");
  const codes = text.match(/../g) ?? [];
  return { $bytes: btoa(codes.map((two) => String.fromCharCode(Number.parseInt(two, 16))).join("")) };
}

interface EditProps {
  title: string;
  value: Cell;
  nullable: boolean;
  onChange: (value: Cell) => void;
}

function Edit({ title, value, nullable, onChange }: EditProps) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState(textOf(value));
  const [wrong, setWrong] = useState(false);
  return (
    <form
      className="grid gap-2"
      onSubmit={(event) => {
        event.preventDefault();
        try {
          onChange(readAs(value, typed));
        } catch {
          setWrong(true);
        }
      }}
    >
      <Area
        autoFocus
        aria-label={title}
        aria-invalid={wrong || undefined}
        value={typed}
        rows={8}
        spellCheck={false}
        className="font-mono"
        onChange={(event) => setTyped(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.form?.requestSubmit();
        }}
      />
      {wrong && (
        <p role="alert" className="text-bad text-xs">
          {t(bytesOf(value) === null ? "tables:notJson" : "tables:notHex")}
        </p>
      )}
      <div className="flex justify-end gap-2">
        {nullable && <Button onClick={() => onChange(null)}>{t("tables:setNull")}</Button>}
        <Button look="primary" type="submit">
          {t("tables:stage")}
        </Button>
      </div>
    </form>
  );
}

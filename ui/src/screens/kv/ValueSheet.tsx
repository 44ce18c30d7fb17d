import { useQuery } from "@tanstack/react-query";
import { PenLine, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type KvValueOut, kvValueDelete, kvValuePut, kvValueRead } from "@/api";
import { Button } from "@/parts/Button";
import { cx } from "@/parts/classes";
import { Dialog } from "@/parts/Dialog";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Facts } from "@/parts/Page";
import { CopyButton, Skeleton, Time } from "@/parts/small";
import { asError, data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";
import { PutSheet } from "./PutSheet";
import { keysOf, momentOf, shown, type View, viewsOf } from "./values";

interface Props {
  namespace: string;
  name: string;
  onClose: () => void;
}

/** What is under a key. */
export function ValueSheet({ namespace, name, onClose }: Props) {
  const { t } = useTranslation();
  const can = useCan();
  const [changing, setChanging] = useState(false);
  const path = { kv_namespace_id: namespace };
  const { data: value, error } = useQuery({
    queryKey: ["kv_namespaces", namespace, "value", name],
    queryFn: () => data(kvValueRead({ path, body: { key: name } })),
  });
  const failed = (thrown: unknown) => toast.bad(asError(thrown).message, asError(thrown).hint ?? undefined);
  async function remove() {
    try {
      await data(kvValueDelete({ path, body: { keys: [name] } }));
      await queries.invalidateQueries({ queryKey: keysOf(namespace) });
      const undo = async () => {
        if (value) await data(kvValuePut({ path, body: value }));
        await queries.invalidateQueries({ queryKey: keysOf(namespace) });
      };
      toast.undo(t("kv:keysDeleted", { count: 1 }), t("shell:undo"), () => void undo().catch(failed));
      onClose();
    } catch (thrown) {
      failed(thrown);
    }
  }
  if (changing && value) return <PutSheet namespace={namespace} of={value} onClose={() => setChanging(false)} />;
  return (
    <Dialog
      open
      as="sheet"
      wide
      onOpenChange={(open) => !open && onClose()}
      title={t("kv:value")}
      lead={<code className="break-all">{name}</code>}
      foot={
        value &&
        can("kv.write") && (
          <>
            <Button look="quiet" className="text-bad" icon={<Trash2 />} onClick={() => void remove()}>
              {t("kv:deleteKey")}
            </Button>
            <span className="flex-1" />
            <Button icon={<PenLine />} onClick={() => setChanging(true)}>
              {t("kv:change")}
            </Button>
          </>
        )
      }
    >
      {error && <ErrorPanel error={error} />}
      {!value && !error && <Skeleton className="h-40" />}
      {value && <Body of={value} />}
    </Dialog>
  );
}

function Body({ of }: { of: KvValueOut }) {
  const { t } = useTranslation();
  const views = viewsOf(of);
  const [wanted, want] = useState<View | null>(null);
  const view = wanted && views.includes(wanted) ? wanted : (views[0] ?? "text");
  return (
    <div className="grid gap-4">
      <div className="grid gap-2">
        <div className="flex items-center gap-1">
          {views.map((each) => (
            <Button
              key={each}
              look="quiet"
              size="small"
              aria-pressed={each === view}
              className={cx(each === view && "bg-picked! text-text!")}
              onClick={() => want(each)}
            >
              {t(`kv:views.${each}`)}
            </Button>
          ))}
          <span className="flex-1" />
          <CopyButton text={of.value} label={t("kv:copy")} />
        </div>
        <pre
          // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and the keyboard must reach it
          tabIndex={0}
          data-value=""
          className={cx(
            "inset-ring-focus max-h-[50vh] overflow-auto rounded-md bg-sunken p-3 font-mono text-xs",
            view !== "hex" && "whitespace-pre-wrap break-words",
          )}
        >
          {shown(of, view) || t("kv:emptyValue")}
        </pre>
      </div>
      <Facts
        narrow
        facts={[
          [t("kv:expires"), of.expiration === null ? t("kv:never") : <Time key="at" at={momentOf(of.expiration)} />],
          ...(of.metadata == null
            ? []
            : [
                [
                  t("kv:metadata"),
                  <code key="m" className="break-all text-xs">
                    {JSON.stringify(of.metadata)}
                  </code>,
                  "wide",
                ] as const,
              ]),
        ]}
      />
    </div>
  );
}

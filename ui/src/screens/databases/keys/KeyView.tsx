import { useInfiniteQuery } from "@tanstack/react-query";
import { Clock, Ellipsis, KeyRound, PencilLine, RefreshCw, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Item, Line, Menu } from "@/parts/Menu";
import { Badge, CopyButton, Empty, Skeleton } from "@/parts/small";
import { bytes, count, moment } from "@/parts/text";
import { asError } from "@/shell/api";
import { toast } from "@/shell/toasts";
import { change, type KeyOut, keysKey, type Place, readAgain, readPart, remove, whole, write } from "./client";
import { Elements } from "./Elements";
import { ExpiryDialog } from "./ExpiryDialog";
import { leftOf } from "./elements";
import { idOf, nameFrom, readable } from "./names";
import { RenameDialog } from "./RenameDialog";
import { StringValue } from "./StringValue";

interface Props {
  place: Place;
  found: KeyOut;
  writable: boolean;
  onName: (key: KeyOut) => void;
  onGone: () => void;
}

/** One key: what it is, when it goes, what it holds. */
export function KeyView({ place, found, writable, onName, onGone }: Props) {
  const { t } = useTranslation();
  const name = nameFrom(found.name);
  const said = readable(found.name);
  const [asked, setAsked] = useState<"expiry" | "rename" | "delete" | null>(null);
  const value = useInfiniteQuery({
    queryKey: [...keysKey(place), "value", idOf(found.name)],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) => readPart(place, name, pageParam),
    getNextPageParam: ({ next_cursor }) => next_cursor ?? undefined,
    retry: false,
  });
  const pages = value.data?.pages;
  const first = pages?.[0];
  const key: KeyOut = first ?? found;

  async function expire(at: string | null) {
    const before = key.expires_at;
    await change(place, name, { expires_at: at }, first?.digest ?? null);
    void readAgain(place);
    const back = () => void change(place, name, { expires_at: before }, null).then(() => readAgain(place), failed);
    toast.undo(t("keys:expiryChanged"), t("shell:undo"), back);
  }
  const failed = (thrown: unknown) => toast.bad(asError(thrown).message, asError(thrown).hint ?? undefined);

  if (value.isError && !first)
    return asError(value.error).code === "key_absent" ? (
      <Empty
        dull
        icon={<KeyRound />}
        title={t("keys:gone")}
        lead={t("keys:goneLead")}
        action={<Button onClick={onGone}>{t("shell:close")}</Button>}
      />
    ) : (
      <ErrorPanel error={value.error} retry={() => void value.refetch()} />
    );
  const left = key.expires_at ? leftOf(key.expires_at) : null;
  return (
    <div className="flex min-h-0 flex-1 flex-col">
      <header className="flex shrink-0 flex-wrap items-center gap-x-2 gap-y-1 border-b px-4 py-2">
        <h2 className="min-w-0 break-all font-medium font-mono text-sm">{said}</h2>
        <CopyButton text={said} label={t("keys:copyName")} />
        <Badge>{key.type}</Badge>
        <span className="flex-1" />
        <span className="text-muted text-xs" title={key.expires_at ? moment(key.expires_at) : undefined}>
          {left ? t("keys:left", { left: t(`keys:units.${left.unit}`, { count: left.count }) }) : t("keys:stays")}
          {" · "}
          {key.type === "string" || key.size === null
            ? bytes(key.size ?? 0)
            : t("keys:elements", { count: key.size, elements: count(key.size) })}
          {key.memory !== null && ` · ${t("keys:memory", { size: bytes(key.memory) })}`}
        </span>
        <Button
          look="quiet"
          size="icon"
          aria-label={t("keys:readAgain")}
          icon={<RefreshCw />}
          busy={value.isFetching}
          onClick={() => void readAgain(place)}
        />
        {writable && (
          <Menu
            align="end"
            trigger={<Button look="quiet" size="icon" aria-label={t("shell:more")} icon={<Ellipsis />} />}
          >
            <Item icon={<Clock />} onSelect={() => setAsked("expiry")}>
              {t("keys:expiry")}
            </Item>
            <Item icon={<PencilLine />} onSelect={() => setAsked("rename")}>
              {t("keys:rename")}
            </Item>
            <Line />
            <Item icon={<Trash2 />} danger onSelect={() => setAsked("delete")}>
              {t("keys:delete")}
            </Item>
          </Menu>
        )}
      </header>
      <div className="min-h-0 flex-1">
        {!pages || !first ? (
          <div className="grid gap-3 p-4" aria-busy="true">
            <Skeleton className="h-4 w-3/4" />
            <Skeleton className="h-4 w-1/2" />
          </div>
        ) : first.type === "string" ? (
          <StringValue place={place} name={name} parts={pages} writable={writable} />
        ) : (
          <Elements
            place={place}
            name={name}
            parts={pages}
            writable={writable}
            onEnd={() => value.hasNextPage && !value.isFetching && void value.fetchNextPage()}
          />
        )}
      </div>
      {asked === "expiry" && <ExpiryDialog at={key.expires_at} act={expire} onClose={() => setAsked(null)} />}
      {asked === "rename" && (
        <RenameDialog
          name={said}
          act={async (to) => {
            const made = await change(place, name, { rename_to: to }, first?.digest ?? null);
            void readAgain(place);
            if (made) onName(made);
          }}
          onClose={() => setAsked(null)}
        />
      )}
      <Confirm
        open={asked === "delete"}
        onOpenChange={() => setAsked(null)}
        danger
        title={t("keys:deleteTitle", { name: said })}
        lead={t("keys:deleteLead")}
        verb={t("keys:delete")}
        act={async () => {
          const kept = await whole(place, key);
          await remove(place, name, first?.digest ?? null);
          onGone();
          void readAgain(place);
          const deleted = t("keys:deleted", { name: said });
          const back = () => kept && void write(place, kept).then(() => readAgain(place), failed);
          if (kept) toast.undo(deleted, t("shell:undo"), back);
          else toast.good(deleted);
        }}
      />
    </div>
  );
}

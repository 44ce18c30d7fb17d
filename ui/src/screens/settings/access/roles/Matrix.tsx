import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type RoleOut, roleUpdate } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Input, Select } from "@/parts/Field";
import { Skeleton } from "@/parts/small";
import { usePhone } from "@/parts/table/usePhone";
import { useCreating } from "@/parts/useCreating";
import { useAddress } from "@/shell/address";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";
import { permissions, roles } from "../shared/roles";
import { has } from "../shared/wholly";
import { Cells } from "./Cells";
import { changes, type Draft, flip, wanted } from "./matrix";
import { RoleForm } from "./RoleForm";

/** Permissions down, roles across. On a phone one role at a time. */
export function Matrix() {
  const { t } = useTranslation();
  const can = useCan();
  const phone = usePhone();
  const [search, setSearch] = useAddress();
  const [draft, setDraft] = useState<Draft>(() => new Map());
  const { creating, end, add } = useCreating("role.new", t("roles:new"), can("role.manage"));
  const all = useQuery(roles);
  const known = useQuery(permissions);
  const save = useMutation({
    mutationFn: () => saveAll(all.data ?? [], draft),
    networkMode: "always",
    onSuccess: () => {
      setDraft(new Map());
      toast.good(t("roles:saved"));
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ["roles"] }),
  });
  const failed = all.error ?? known.error;
  if (failed && !(all.data && known.data))
    return <ErrorPanel error={failed} retry={() => void Promise.all([all.refetch(), known.refetch()])} />;
  if (!all.data || !known.data) return <Skeleton className="m-6 h-64" />;
  const q = search.q ?? "";
  const rows = Object.entries(known.data.permissions).filter(([name, text]) => has(q, name, text));
  const one = all.data.find(({ name }) => name === search.role) ?? all.data.at(-1);
  const columns = phone ? (one ? [one] : []) : all.data;
  const open = changes(draft);
  return (
    <div className="flex h-full min-h-0 flex-col">
      <div className="flex flex-wrap items-center gap-2 border-b px-4 py-2 sm:px-6">
        <Input
          type="search"
          className="sm:max-w-64"
          aria-label={t("roles:find")}
          placeholder={t("roles:find")}
          value={q}
          onChange={(event) => setSearch({ q: event.target.value || undefined })}
        />
        {phone && (
          <Select
            className="flex-1"
            aria-label={t("roles:one")}
            value={one?.name}
            onChange={(event) => setSearch({ role: event.target.value })}
          >
            {all.data.map(({ name }) => (
              <option key={name}>{name}</option>
            ))}
          </Select>
        )}
        <p className="hidden min-w-0 flex-1 truncate text-muted text-xs lg:block">
          {can("role.manage") && t("roles:lead")}
        </p>
        <span className="ml-auto" />
        {add}
      </div>
      <Cells
        rows={rows}
        columns={columns}
        draft={draft}
        onFlip={(role, permission) => setDraft((before) => flip(before, role, permission))}
      />
      {open > 0 && (
        <div className="flex flex-wrap items-center justify-end gap-2 border-t bg-raised px-4 py-2 sm:px-6">
          <span role="status" className="mr-auto text-sm">
            {t("roles:changes", { count: open })}
          </span>
          <Button onClick={() => setDraft(new Map())}>{t("roles:discard")}</Button>
          <Button look="primary" busy={save.isPending} onClick={() => save.mutate()}>
            {t("roles:save")}
          </Button>
        </div>
      )}
      {creating && <RoleForm onClose={end} />}
    </div>
  );
}

/** One change for each role, in turn: the first that fails is told, and those before it are saved. */
async function saveAll(all: readonly RoleOut[], draft: Draft): Promise<void> {
  for (const role of all)
    if (draft.has(role.id))
      await data(
        roleUpdate({
          path: { role_id: role.id },
          body: { permissions: wanted(role, draft) },
          headers: { "If-Match": `"v${role.version}"` },
        }),
      );
}

import { MailPlus, Trash2 } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { type InviteOut, inviteList, inviteRevoke } from "@/api";
import { Confirm } from "@/parts/Confirm";
import { Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { BulkAct, Column, Source } from "@/parts/table/types";
import { useCreating } from "@/parts/useCreating";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { InviteSheet } from "./InviteSheet";

const again = () => queries.invalidateQueries({ queryKey: ["people", "invites"] });

/** Links that were made and still work. */
export function Invites() {
  const { t } = useTranslation();
  const can = useCan();
  const [revoking, setRevoking] = useState<readonly InviteOut[]>([]);
  const { creating, end, add } = useCreating("people.invite", t("people:invite"), can("user.invite"));
  const columns = useMemo<Column<InviteOut>[]>(
    () => [
      { id: "email", title: t("people:email"), value: (row) => row.email, width: "minmax(180px, 2fr)", card: "title" },
      { id: "role", title: t("people:role"), value: (row) => row.role, card: "line" },
      {
        id: "grants",
        title: t("people:grants"),
        value: (row) => [...new Set(row.grants.map(({ role }) => role))].join(", "),
        width: "minmax(110px, 1fr)",
      },
      {
        id: "made",
        title: t("people:made"),
        value: (row) => row.created_at,
        cell: (row) => <Time at={row.created_at} />,
        width: "120px",
      },
      {
        id: "expires",
        title: t("people:expires"),
        value: (row) => row.expires_at,
        cell: (row) => <Time at={row.expires_at} />,
        width: "120px",
        card: "line",
      },
    ],
    [t],
  );
  const source = useMemo<Source<InviteOut>>(
    () => ({
      key: ["people", "invites"],
      page: ({ limit, cursor, signal }) => data(inviteList({ query: { open: true, limit, cursor }, signal })),
    }),
    [],
  );
  const acts: BulkAct<InviteOut>[] = can("user.invite")
    ? [
        {
          id: "revoke",
          title: t("people:revoke"),
          icon: <Trash2 />,
          danger: true,
          run: (rows, clear) => {
            setRevoking(rows);
            clear();
          },
        },
      ]
    : [];
  const emails = revoking.map(({ email }) => email).join(", ");
  return (
    <>
      <DataTable
        id="invites"
        label={t("people:invites")}
        source={source}
        columns={columns}
        acts={acts}
        rowId={(row) => row.id}
        empty={{ icon: <MailPlus />, title: t("people:noInvites"), lead: t("people:noInvitesLead"), action: add }}
      >
        {add}
      </DataTable>
      <Confirm
        open={revoking.length > 0}
        onOpenChange={() => setRevoking([])}
        danger
        title={t("people:revokeTitle", { email: emails })}
        lead={t("people:revokeLead")}
        verb={t("people:revoke")}
        act={async () => {
          for (const { id } of revoking) await data(inviteRevoke({ path: { invite_id: id } }));
          await again();
        }}
      />
      {creating && <InviteSheet onClose={end} />}
    </>
  );
}

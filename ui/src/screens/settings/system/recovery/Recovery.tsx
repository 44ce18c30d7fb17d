import { useQuery } from "@tanstack/react-query";
import { CircleCheck, FileKey2, TriangleAlert } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type KitStateOut, recoveryKitRead } from "@/api";
import { Button } from "@/parts/Button";
import { Facts, Section } from "@/parts/Page";
import { Badge, Time } from "@/parts/small";
import { data } from "@/shell/api";
import { useCan } from "@/shell/session";
import { Asked } from "../../Asked";
import { Homes } from "./Homes";
import { KitForm } from "./KitForm";
import { KIT } from "./kit";
import { Lost } from "./Lost";

/** Whether this server could be built again somewhere else: the kit, and snapshots of its own records. */
export default function Recovery() {
  return (
    <>
      <Kit />
      <Homes />
      <Lost />
    </>
  );
}

/** Fine, or what is lacking in the server's words. */
export function Standing({ ok, why }: { ok: boolean; why: readonly string[] }) {
  const { t } = useTranslation();
  if (ok)
    return (
      <p>
        <Badge tone="good" icon={<CircleCheck />}>
          {t("recovery:fine")}
        </Badge>
      </p>
    );
  return (
    <div className="flex flex-wrap items-baseline gap-2">
      <Badge tone="warn" icon={<TriangleAlert />}>
        {t("recovery:lacking")}
      </Badge>
      <ul className="min-w-0 flex-1 basis-60">
        {why.map((each) => (
          <li key={each} className="break-words">
            {each.charAt(0).toUpperCase() + each.slice(1)}.
          </li>
        ))}
      </ul>
    </div>
  );
}

function Kit() {
  const { t } = useTranslation();
  const can = useCan();
  const [making, setMaking] = useState(false);
  const kit = useQuery({ queryKey: KIT, queryFn: () => data(recoveryKitRead()) });
  return (
    <Section
      title={t("recovery:kit")}
      aside={
        can("system.key.rotate") && (
          <Button look="primary" icon={<FileKey2 />} onClick={() => setMaking(true)}>
            {t("recovery:make")}
          </Button>
        )
      }
    >
      <p className="mb-3 max-w-2xl text-muted">{t("recovery:kitLead")}</p>
      <Asked of={kit}>{(found) => <KitState of={found} />}</Asked>
      {making && <KitForm onClose={() => setMaking(false)} />}
    </Section>
  );
}

function KitState({ of }: { of: KitStateOut }) {
  const { t } = useTranslation();
  return (
    <div className="grid gap-4">
      <Standing ok={of.ok} why={of.why} />
      <Facts
        facts={[
          [t("recovery:newest"), of.newest ? <Time key="at" at={of.newest.made_at} /> : t("recovery:never")],
          [t("recovery:opensWith"), of.newest?.recipients.join(", ") || "–"],
          [t("recovery:repositories"), t("recovery:count", { count: of.repositories.length })],
          [t("recovery:masterKey"), <code key="id">{of.master_key_id}</code>],
        ]}
      />
    </div>
  );
}

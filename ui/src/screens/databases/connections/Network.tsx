import { useQuery } from "@tanstack/react-query";
import { Download, Globe, Lock } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type ExposureOut, exposureClose, exposureGet, tlsAuthority } from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Facts, Section } from "@/parts/Page";
import { Badge, Empty, Skeleton, Time } from "@/parts/small";
import { asError, data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import type { TabProps } from "../tabs";
import { OpenForm } from "./OpenForm";

/** Whether the port is open to a network, for whom, and with which certificate. Closed unless opened. */
export function Network(props: TabProps) {
  const { t } = useTranslation();
  const can = useCan();
  const { id } = props.database;
  const [opening, setOpening] = useState(false);
  const [closing, setClosing] = useState(false);
  const {
    data: door,
    error,
    refetch,
    isPending,
  } = useQuery({ queryKey: ["databases", id, "exposure"], queryFn: () => closedOr(id) });
  const able = can("database.expose");
  if (error) return <ErrorPanel error={error} retry={() => void refetch()} />;
  if (isPending) return <Skeleton className="m-6 h-20" />;
  const again = () => queries.invalidateQueries({ queryKey: ["databases", id, "exposure"] });
  const open = able && (
    <Button
      look={door ? "plain" : "primary"}
      size={door ? "small" : "usual"}
      icon={<Globe />}
      onClick={() => setOpening(true)}
    >
      {t(door ? "connections:changeDoor" : "connections:openDoor")}
    </Button>
  );
  return (
    <>
      {door ? (
        <Section
          title={t("connections:doorOpen")}
          aside={
            <span className="flex gap-1.5">
              {open}
              {able && (
                <Button size="small" icon={<Lock />} onClick={() => setClosing(true)}>
                  {t("connections:closeDoor")}
                </Button>
              )}
            </span>
          }
        >
          <Door door={door} />
        </Section>
      ) : (
        <Empty
          icon={<Lock />}
          title={t("connections:doorClosed")}
          lead={t("connections:doorClosedLead")}
          action={open}
        />
      )}
      {opening && (
        <OpenForm
          {...props}
          door={door ?? null}
          onClose={() => setOpening(false)}
          onDone={async () => {
            await again();
            setOpening(false);
          }}
        />
      )}
      <Confirm
        open={closing}
        onOpenChange={setClosing}
        danger
        title={t("connections:closeTitle")}
        lead={t("connections:closeLead")}
        verb={t("connections:closeDoor")}
        act={async () => {
          await data(exposureClose({ path: { database_id: id } }));
          await again();
        }}
      />
    </>
  );
}

/** That it is closed is no failure. */
async function closedOr(id: string): Promise<ExposureOut | null> {
  try {
    return await data(exposureGet({ path: { database_id: id } }));
  } catch (thrown) {
    if (asError(thrown).code === "exposure_not_found") return null;
    throw thrown;
  }
}

function Door({ door }: { door: ExposureOut }) {
  const { t } = useTranslation();
  return (
    <div className="grid max-w-4xl gap-4">
      {!door.open && <p className="text-bad">{t("connections:notListening")}</p>}
      <Facts
        facts={[
          [t("connections:listens"), `${door.host}:${door.port}`],
          [t("connections:names"), door.names.join(", ")],
          [
            t("connections:allow"),
            <span key="allow" className="flex flex-wrap gap-1">
              {door.allow.map((each) => (
                <Badge key={each}>{each}</Badge>
              ))}
            </span>,
          ],
          [t("connections:inside"), String(door.connections)],
          [t("connections:certificate"), t(door.uploaded ? "connections:certOwn" : "connections:certOurs")],
          [t("connections:certEnds"), <Time key="ends" at={door.expires_at} />],
        ]}
      />
      {!door.uploaded && (
        <div>
          <Button size="small" icon={<Download />} onClick={() => void download()}>
            {t("connections:authority")}
          </Button>
          <p className="mt-1 text-muted text-xs">{t("connections:authorityLead")}</p>
        </div>
      )}
    </div>
  );
}

async function download(): Promise<void> {
  const text = await data(tlsAuthority({ parseAs: "text" }));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([String(text)], { type: "application/x-pem-file" }));
  link.download = "holdfast-ca.pem";
  link.click();
  URL.revokeObjectURL(link.href);
}

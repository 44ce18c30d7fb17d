import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { PageHead, PageTabs } from "@/parts/Page";
import { A } from "@/shell/address";
import { AlertTable } from "./AlertTable";
import { DeliveryTable } from "./DeliveryTable";

export default function AlertsPage() {
  const { t } = useTranslation();
  return (
    <div className="flex h-full flex-col">
      <PageHead title={t("alerts:title")}>
        <Button asChild>
          <A to="/settings/alert-channels">{t("alerts:channels")}</A>
        </Button>
        <Button asChild>
          <A to="/settings/alert-rules">{t("alerts:rules")}</A>
        </Button>
      </PageHead>
      <PageTabs
        label={t("alerts:title")}
        tabs={[
          { id: "open", title: t("alerts:open"), body: <AlertTable key="open" />, full: true },
          { id: "history", title: t("alerts:history"), body: <AlertTable key="history" past />, full: true },
          { id: "deliveries", title: t("alerts:deliveries"), body: <DeliveryTable />, full: true },
        ]}
      />
    </div>
  );
}

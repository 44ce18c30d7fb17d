import { useTranslation } from "react-i18next";
import { PageTabs } from "@/parts/Page";
import { Invites } from "./Invites";
import { People } from "./People";

export default function PeopleSection() {
  const { t } = useTranslation();
  return (
    <div className="flex h-full flex-col">
      <PageTabs
        label={t("people:title")}
        tabs={[
          { id: "people", title: t("people:title"), body: <People />, full: true },
          { id: "invites", title: t("people:invites"), body: <Invites />, full: true },
        ]}
      />
    </div>
  );
}

"""The Salesforce package, as far as it can be checked without an org: what it names exists, who may do what, what is
said to people, and that it speaks as WIRE.md does. Salesforce's own registry, compilers and linters have their say
through npm."""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree.ElementTree import Element

import pytest
from defusedxml import ElementTree

from core.contract import Reading
from core.domain.events import Closed
from core.domain.messages import Channel, MessageClass, State
from tests.integrations.salesforce.org import ANA, adapter, call, installation, sent

FOLDER = Path(__file__).resolve().parents[3] / "integrations" / "salesforce"
PACKAGE = FOLDER / "package"
SOURCE = PACKAGE / "force-app" / "main" / "default"
TRANSLATIONS = PACKAGE / "translations" / "main" / "default"
NAMESPACE = "{http://soap.sforce.com/2006/04/metadata}"
MESSAGE = "Relance_Message__c"
STANDARD_FIELDS = {"Name", "Owner", "OwnerId", "CreatedDate", "NAME", "OWNER.ALIAS", "CREATED_DATE"}


def named(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def files(pattern: str, folder: Path = SOURCE) -> list[Path]:
    found = sorted(folder.rglob(pattern))
    assert found, f"nothing named {pattern}"
    return found


@cache
def xml(path: Path) -> Element:
    root: Element = ElementTree.fromstring(path.read_bytes())
    return root


def texts(node: Element, path: str) -> list[str]:
    steps = "/".join(f"{NAMESPACE}{step}" for step in path.split("/"))
    return [found.text or "" for found in node.findall(steps)]


def text(node: Element, path: str) -> str:
    [found] = texts(node, path)
    return found


def blocks(node: Element, name: str) -> list[Element]:
    return node.findall(f"{NAMESPACE}{name}")


@cache
def fields() -> dict[str, Element]:
    """`Object.Field__c` → its definition."""
    return {f"{path.parent.parent.name}.{text(xml(path), 'fullName')}": xml(path) for path in files("*.field-meta.xml")}


@cache
def labels() -> dict[str, str]:
    [path] = files("*.labels-meta.xml")
    return {text(one, "fullName"): text(one, "value") for one in blocks(xml(path), "labels")}


def sources() -> list[Path]:
    return files("*.cls")


def is_test(path: Path) -> bool:
    return "@IsTest" in path.read_text("utf-8")


def code(path: Path) -> str:
    """The source without its comments."""
    return re.sub(r"/\*.*?\*/|(?<![:'])//[^\n]*", "", path.read_text("utf-8"), flags=re.DOTALL)


def spoken() -> list[Path]:
    return [path for path in sources() if not is_test(path)]


def ids(paths: list[Path]) -> dict[str, Any]:
    return {"argvalues": paths, "ids": [named(path) for path in paths]}


# ------------------------------------------------------------------------------------------------- it hangs together

ROOTS = {
    "app": "CustomApplication", "cls": "ApexClass", "compactLayout": "CompactLayout", "dashboard": "Dashboard",
    "dashboardFolder": "DashboardFolder", "externalCredential": "ExternalCredential", "field": "CustomField",
    "fieldTranslation": "CustomFieldTranslation", "js": "LightningComponentBundle", "labels": "CustomLabels",
    "layout": "Layout", "listView": "ListView", "md": "CustomMetadata", "namedCredential": "NamedCredential",
    "object": "CustomObject", "objectTranslation": "CustomObjectTranslation", "permissionset": "PermissionSet",
    "report": "Report", "reportFolder": "ReportFolder", "reportType": "ReportType", "tab": "CustomTab",
    "translation": "Translations",
}  # fmt: skip


@pytest.mark.parametrize("path", **ids(files("*-meta.xml", PACKAGE / "force-app") + files("*-meta.xml", TRANSLATIONS)))
def test_each_file_is_metadata_of_its_kind(path: Path) -> None:
    kind = path.name.removesuffix("-meta.xml").rpartition(".")[2]

    assert xml(path).tag == NAMESPACE + ROOTS[kind]


def test_there_is_one_api_version() -> None:
    project = json.loads((PACKAGE / "sfdx-project.json").read_text("utf-8"))
    said = {version for path in (*files("*.cls-meta.xml"), *files("*.js-meta.xml"))
            for version in texts(xml(path), "apiVersion")}  # fmt: skip

    assert said == {project["sourceApiVersion"]}
    assert all((PACKAGE / one["path"]).is_dir() for one in project["packageDirectories"])


def test_every_class_has_its_description_and_every_class_a_test() -> None:
    assert {path.name + "-meta.xml" for path in sources()} == {path.name for path in files("*.cls-meta.xml")}
    tests = "".join(path.read_text("utf-8") for path in sources() if is_test(path))

    assert [path.stem for path in spoken() if path.stem not in tests] == []


def test_every_custom_name_in_the_code_exists() -> None:
    known = {name.partition(".")[2] for name in fields()} | {MESSAGE}
    for path in (*spoken(), *files("*.js")):
        used = set(re.findall(r"\b\w+__c\b", code(path))) - {"No_Such_Field__c"}
        assert used <= known, named(path)


def test_every_field_in_a_query_belongs_to_its_object() -> None:
    """A type checker knows the fields that Apex touches; those of a query it reads as text."""
    of_message = {name.partition(".")[2] for name in fields() if name.startswith(MESSAGE)}
    for path in sources():
        for query in re.findall(r"\[\s*SELECT(.*?)\]", code(path), re.DOTALL):
            if f"FROM {MESSAGE}" in query:
                assert set(re.findall(r"(?<![.:\w])\w+__c\b", query)) <= of_message | {MESSAGE}, named(path)


def test_views_layouts_and_report_types_name_fields_that_exist() -> None:
    known = {name.partition(".")[2] for name in fields() if name.startswith(MESSAGE)} | STANDARD_FIELDS
    used = {
        "list view": {said for path in files("*.listView-meta.xml")
                      for said in texts(xml(path), "columns") + texts(xml(path), "filters/field")},
        "layout": {said for path in files("*.layout-meta.xml")
                   for said in texts(xml(path), "layoutSections/layoutColumns/layoutItems/field")},
        "report type": {said for path in files("*.reportType-meta.xml")
                        for said in texts(xml(path), "sections/columns/field")},
        "compact layout": {said for path in files("*.compactLayout-meta.xml") for said in texts(xml(path), "fields")},
    }  # fmt: skip

    assert {where: said - known for where, said in used.items()} == {where: set() for where in used}


def test_reports_ask_for_columns_of_their_report_type() -> None:
    [kind] = files("*.reportType-meta.xml")
    table = text(xml(kind), "baseObject")
    columns = {f"{table}${said}" for said in texts(xml(kind), "sections/columns/field")}
    for path in files("*.report-meta.xml"):
        report = xml(path)
        places = ("columns/field", "groupingsDown/field", "filter/criteriaItems/column", "timeFrameFilter/dateColumn")
        asked = {said for place in places for said in texts(report, place)}
        assert text(report, "reportType") == kind.name.split(".")[0] + "__c"
        assert asked <= columns, named(path)


def test_picklist_values_in_filters_are_values() -> None:
    values = {name.partition(".")[2]: set(texts(field, "valueSet/valueSetDefinition/value/fullName"))
              for name, field in fields().items() if text(field, "type") == "Picklist"}  # fmt: skip
    filters = [(text(one, "column").partition("$")[2], text(one, "value")) for path in files("*.report-meta.xml")
               for one in xml(path).iter(f"{NAMESPACE}criteriaItems")]  # fmt: skip
    filters += [(text(one, "field"), text(one, "value")) for path in files("*.listView-meta.xml")
                for one in blocks(xml(path), "filters") if texts(one, "value")]  # fmt: skip

    assert filters
    for field, value in filters:
        assert set(value.split(",")) <= values[field], (field, value)


def test_the_dashboard_shows_reports_of_the_package_by_their_groupings() -> None:
    reports = {f"{path.parent.name}/{path.name.split('.')[0]}": xml(path) for path in files("*.report-meta.xml")}
    [path] = files("*.dashboard-meta.xml")
    parts = list(xml(path).iter(f"{NAMESPACE}dashboardComponent"))

    assert {text(part, "report") for part in parts} == set(reports)
    for part in parts:
        report = reports[text(part, "report")]
        assert set(texts(part, "groupingColumn")) <= set(texts(report, "groupingsDown/field"))
        sums = {text(one, "field") for one in blocks(report, "columns") if texts(one, "aggregateTypes")}
        assert set(texts(part, "chartSummary/column")) <= sums | {"RowCount"}
    assert text(xml(path), "dashboardType") == "LoggedInUser"


def test_there_are_the_two_actions_under_their_french_names() -> None:
    actions = {path.stem: re.findall(r"@InvocableMethod\(\s*label='([^']+)'", path.read_text("utf-8"))
               for path in spoken()}  # fmt: skip

    assert {name: said for name, said in actions.items() if said} == {
        "RelanceSendAction": ["Envoyer un message"],
        "RelanceCancelAction": ["Annuler les messages prévus"],
    }
    assert "label='Planifier avant une date'" in (SOURCE / "classes/RelanceSendAction.cls").read_text("utf-8")


# ------------------------------------------------------------------------------------------------- who may do what


def permission_sets() -> dict[str, Element]:
    return {text(xml(path), "label"): xml(path) for path in files("*.permissionset-meta.xml")}


def test_permission_sets_name_what_exists() -> None:
    classes = {path.stem for path in sources()}
    principals = {f"{path.name.split('.')[0]}-{text(one, 'parameterGroup')}"
                  for path in files("*.externalCredential-meta.xml")
                  for one in blocks(xml(path), "externalCredentialParameters")
                  if text(one, "parameterType") == "NamedPrincipal"}  # fmt: skip

    assert set(permission_sets()) == {"Utilisateur SMS", "Administrateur SMS"}
    for name, rights in permission_sets().items():
        assert set(texts(rights, "classAccesses/apexClass")) <= classes, name
        assert set(texts(rights, "externalCredentialPrincipalAccesses/externalCredentialPrincipal")) == principals, name
        objects = set(texts(rights, "objectPermissions/object"))
        assert objects == {MESSAGE, "UserExternalCredential"}, name
        of_records = {field for field in fields() if not field.startswith("Relance_Setting")}
        assert set(texts(rights, "fieldPermissions/field")) == of_records, name
        assert set(texts(rights, "tabSettings/tab")) == {MESSAGE}
    entries = {path.stem for path in spoken() if re.search("@(InvocableMethod|AuraEnabled)", code(path))}
    assert entries <= set(texts(permission_sets()["Utilisateur SMS"], "classAccesses/apexClass"))


def test_a_user_adds_requests_and_changes_nothing() -> None:
    rights = permission_sets()["Utilisateur SMS"]
    [message] = [one for one in blocks(rights, "objectPermissions") if text(one, "object") == MESSAGE]
    granted = {name for name in ("allowCreate", "allowRead", "allowEdit", "allowDelete", "viewAllRecords",
                                 "modifyAllRecords") if text(message, name) == "true"}  # fmt: skip
    writable = {text(one, "field") for one in blocks(rights, "fieldPermissions") if text(one, "editable") == "true"}

    assert granted == {"allowCreate", "allowRead"}
    assert not writable & {f"{MESSAGE}.{name}__c" for name in ("Message_Id", "Price", "Sent_At", "Answer", "Reply")}
    assert not texts(rights, "userPermissions/name")
    assert not texts(permission_sets()["Administrateur SMS"], "userPermissions/name")


def test_a_user_may_write_what_the_actions_insert() -> None:
    actions = "".join(code(SOURCE / f"classes/{name}.cls") for name in ("RelanceSendAction", "RelanceCancelAction"))
    inserted = set(re.findall(r"^\s+(?:row\.)?(\w+__c) = ", actions, re.MULTILINE))
    rights = permission_sets()["Utilisateur SMS"]
    writable = {text(one, "field") for one in blocks(rights, "fieldPermissions") if text(one, "editable") == "true"}

    assert len(inserted) > 10
    assert {f"{MESSAGE}.{name}" for name in inserted} <= writable


@pytest.mark.parametrize("path", **ids(sources()))
def test_sharing_is_kept_but_for_the_one_class_that_says_why(path: Path) -> None:
    [first] = re.findall(r"^(?:@IsTest\s+)?(?:public|private)\s+(.*?)class ", code(path), re.MULTILINE)

    if path.stem == "RelanceLedger":
        assert first.strip() == "without sharing"
        assert "`without sharing`" in path.read_text("utf-8").split("class ")[0]
    else:
        assert "without sharing" not in code(path)
        assert is_test(path) or first.strip() == "with sharing"


@pytest.mark.parametrize("path", **ids(sources()))
def test_every_question_and_every_change_says_by_whose_rights(path: Path) -> None:
    source = code(path)
    queries = re.findall(r"\[\s*SELECT.*?\]", source, re.DOTALL)
    calls = re.findall(r"Database\.(?:query\w*|insert|update|delete|upsert)\((.*?)\)\s*[;)]", source, re.DOTALL)
    plain = re.findall(r"^\s*(?:insert|update|delete|upsert|merge) (?!as (?:user|system) )", source, re.MULTILINE)

    assert all(re.search("WITH (USER|SYSTEM)_MODE", query) for query in queries)
    assert all("AccessLevel." in call for call in calls)
    assert plain == []
    if not is_test(path) and path.stem != "RelanceLedger":
        assert "SYSTEM_MODE" not in source
        assert " as system " not in source


def test_no_id_and_no_secret_is_written_down() -> None:
    for path in [*sources(), *files("*.js"), *files("*-meta.xml")]:
        found = [one for one in re.findall(r"['\">]([a-zA-Z0-9]{15}|[a-zA-Z0-9]{18})['\"<]", path.read_text("utf-8"))
                 if re.match("[0-9a][0-9a-zA-Z]{2}[0-9]", one)]  # fmt: skip
        assert found == [], named(path)
    [external] = files("*.externalCredential-meta.xml")
    values = texts(xml(external), "externalCredentialParameters/parameterValue")
    assert values == ["{!'Bearer ' & $Credential.Relance.SigningSecret}"]
    [credential] = files("*.namedCredential-meta.xml")
    assert ".example.com/" in texts(xml(credential), "namedCredentialParameters/parameterValue")[0]
    assert text(xml(credential), "generateAuthorizationHeader") == "false"


def test_only_the_named_credential_is_called() -> None:
    called = {said for path in spoken() for said in re.findall(r"setEndpoint\((.*?)\);", code(path))}

    assert called == {"'callout:Relance/' + path"}


# ------------------------------------------------------------------------------------------------- what people read


def test_every_label_is_used_and_every_used_label_exists() -> None:
    used = {name for path in sources() for name in re.findall(r"Label\.(\w+)", code(path))}
    used |= {name for path in files("*.js") for name in re.findall(r"@salesforce/label/c\.(\w+)", code(path))}

    assert used == set(labels())


def test_every_label_and_field_has_its_english() -> None:
    [path] = files("*.translation-meta.xml", TRANSLATIONS)
    english = {text(one, "name"): text(one, "label") for one in blocks(xml(path), "customLabels")}
    translated = {f"{path.parent.name.removesuffix('-en_US')}.{text(xml(path), 'name')}": xml(path)
                  for path in files("*.fieldTranslation-meta.xml", TRANSLATIONS)}  # fmt: skip

    assert set(english) == set(labels())
    assert all(english.values())
    assert set(translated) == {name for name in fields() if not name.startswith("Relance_Setting")}
    for name, said in translated.items():
        french = texts(fields()[name], "valueSet/valueSetDefinition/value/label")
        assert texts(said, "picklistValues/masterLabel") == french, name


def test_layouts_that_are_translated_exist() -> None:
    [layout] = files("*.layout-meta.xml")
    [path] = [one for one in files("*.objectTranslation-meta.xml", TRANSLATIONS) if MESSAGE in one.name]

    assert f"{MESSAGE}-{text(xml(path), 'layouts/layout')}" == unquote(layout.name.split(".")[0])
    assert set(texts(xml(path), "layouts/sections/section")) == set(texts(xml(layout), "layoutSections/label"))


def test_french_is_typeset() -> None:
    for name, said in labels().items():
        assert "'" not in said, name
        assert '"' not in said, name


def test_sentences_are_labels() -> None:
    for path in spoken():
        source = re.sub(r"@Invocable\w+\((?:[^()']|'[^']*')*\)", "", code(path))
        said = [one for one in re.findall(r"'((?:[^'\\]|\\.)*)'", source)
                if re.search(r"[a-zà-ÿ] [a-zà-ÿ]", one) and not re.match(r"SELECT| FROM ", one)]  # fmt: skip
        assert said == [], named(path)
    for path in files("*.html"):
        page = path.read_text("utf-8")
        assert [one for one in re.findall(r">([^<>]*)<", page) if one.strip() and "{" not in one] == []
        assert re.findall(r'(?:label|title|alternative-text|placeholder)="[^"]*"', page) == []


# ------------------------------------------------------------------------------------------------ both ends of the wire


@cache
def schemas() -> dict[str, dict[str, Any]]:
    document = json.loads((FOLDER / "flow_openapi.json").read_text("utf-8"))
    known: dict[str, dict[str, Any]] = document["components"]["schemas"]
    return known


def test_the_actions_say_what_the_wire_knows() -> None:
    send = code(SOURCE / "classes/RelanceSendAction.cls")
    said = set(re.findall(r"'(\w+)' =>", send)) | set(re.findall(r"item\.put\('(\w+)'", send))
    cancel = set(re.findall(r"'(\w+)' =>", code(SOURCE / "classes/RelanceCancelAction.cls")))

    known = {*schemas()["MessageToSend"]["properties"], *schemas()["MessageToSchedule"]["properties"]}
    assert said == known
    assert cancel == set(schemas()["Cancellation"]["properties"])


def test_the_answers_are_read_as_the_wire_says_them() -> None:
    source = code(SOURCE / "classes/RelanceWire.cls")
    heard = set(re.findall(r"said\.get\('(\w+)'\)", source))
    paths = json.loads((FOLDER / "flow_openapi.json").read_text("utf-8"))["paths"]

    assert heard - {"results", "code", "detail"} == set(schemas()["RecordResult"]["properties"]) - {"recordId"}
    assert {"code", "detail"} <= set(schemas()["Problem"]["properties"])
    assert {f"/{path}" for path in re.findall(r"(?:SEND|SCHEDULE|CANCEL) = '(\w+)'", source)} < set(paths)


def item(action: str, **filled: Any) -> dict[str, Any]:
    """A record as the action writes it: every name is there, and null where the Flow left the input empty."""
    source = code(SOURCE / f"classes/{action}.cls")
    switches = {name: False for name in ("asksForAnswer", "optedOut") if name in source}
    return {**dict.fromkeys(re.findall(r"'(\w+)' =>", source)), **switches, **filled}


def heard(path: str, body: dict[str, Any]) -> tuple[Reading, list[dict[str, Any]]]:
    request = call(path, sent(**body))
    adapter().verify(request, installation())
    read = adapter().parse(request, installation())
    results = json.loads(adapter().answer(request, read, ()).body)["results"]
    return read, results


def test_relance_understands_what_the_send_action_says() -> None:
    given = [item("RelanceSendAction", key=f"{ANA}-{place}", recordId=ANA, phone="+33639981001", body="Bonjour",
                  messageClass="transactional", sendAt=None) for place in range(200)]  # fmt: skip
    read, results = heard("send", {"messages": given})

    assert len(read.events) == 200
    assert all(event.wish and event.recipient for event in read.events)
    assert [result["key"] for result in results] == [one["key"] for one in given]


def test_relance_understands_a_date_and_its_end() -> None:
    planned = item("RelanceSendAction", key=f"{ANA}-contract", recordId=ANA, phone="+33639981001", body="Bonjour",
                   messageClass="transactional", daysBefore=15, hoursBefore=None, atTime="18:00")  # fmt: skip
    day, moment, nothing = (heard("schedule", {"messages": [{**planned, "date": date}]})[0].events
                            for date in ("2027-03-15", "2027-03-15T09:30:00Z", ""))  # fmt: skip

    assert day[0].key == moment[0].key == nothing[0].key
    assert [event.closed for (event,) in (day, moment, nothing)] == [None, None, Closed.CANCELLED]


def test_relance_understands_what_the_cancel_action_says() -> None:
    of_record, results = heard("cancel", {"cancellations": [item("RelanceCancelAction", recordId=ANA)]})
    of_key, _ = heard("cancel", {"cancellations": [item("RelanceCancelAction", recordId=ANA, key=f"{ANA}-1")]})

    assert [one.subject for one in of_record.calls_off] != []
    assert results[0]["accepted"] is True
    assert [event.closed for event in of_key.events] == [Closed.CANCELLED]


def test_the_fields_that_relance_writes_are_there_and_long_enough() -> None:
    wire = (FOLDER / "WIRE.md").read_text("utf-8")
    rows = {said: line for line in wire.splitlines() if (said := line[1:].partition("|")[0].strip()).startswith("`")}
    [message] = [line for said, line in rows.items() if said == f"`{MESSAGE}`"]
    kinds: dict[str, Callable[[Element], bool]] = {
        "Text": lambda field: text(field, "type") in ("Text", "Picklist"),
        "LongTextArea": lambda field: text(field, "type") == "LongTextArea",
        "Number": lambda field: text(field, "type") == "Number",
        "Lookup": lambda field: text(field, "type") == "Lookup",
        "Phone": lambda field: text(field, "type") == "Phone",
        "DateTime": lambda field: text(field, "type") == "DateTime",
    }
    promised = re.findall(r"`(\w+__c)` (\w+)(?:\((\w+)(?:,(\w+))?\))?", message)

    assert len(promised) > 15
    for name, kind, size, decimals in promised:
        field = fields()[f"{MESSAGE}.{name}"]
        assert kinds[kind](field), name
        if kind in ("Text", "LongTextArea") and text(field, "type") != "Picklist":
            assert int(text(field, "length")) >= int(size), name
        if kind == "Number":
            digits = int(text(field, "precision")) - int(text(field, "scale"))
            assert (digits, int(text(field, "scale"))) == (int(size), int(decimals)), name
        if kind == "Lookup":
            assert text(field, "referenceTo") == size
    key = fields()[f"{MESSAGE}.Message_Id__c"]
    assert (text(key, "externalId"), text(key, "unique")) == ("true", "true")
    [person] = [line for said, line in rows.items() if said.startswith("`Contact`")]
    of_person = re.findall(r"`(\w+__c)`", person)
    assert len(of_person) > 3
    assert {f"{record}.{name}" for record in ("Contact", "Lead") for name in of_person} <= set(fields())


def test_every_state_of_a_message_has_its_word() -> None:
    def values(name: str) -> set[str]:
        return set(texts(fields()[f"{MESSAGE}.{name}"], "valueSet/valueSetDefinition/value/fullName"))

    assert values("Status__c") == {*State, "waiting", "refused"}
    assert values("Channel__c") == set(Channel)
    assert values("Message_Class__c") == set(MessageClass)


def test_the_default_setting_names_fields_that_exist() -> None:
    [path] = files("*.md-meta.xml")
    values = {text(one, "field"): text(one, "value") for one in blocks(xml(path), "values")}

    assert {f"Relance_Setting__mdt.{name}" for name in values} == {
        name for name in fields() if name.startswith("Relance_Setting")}  # fmt: skip
    for name, field in values.items():
        if "Opt_Out" in name:
            assert f"{name.split('_')[0]}.{field}" in fields()


# ------------------------------------------------------------------------------------------------- npm has its say


def test_what_npm_installs_is_pinned_by_its_hash_and_by_no_address() -> None:
    lock = json.loads((PACKAGE / "package-lock.json").read_text("utf-8"))
    wanted = json.loads((PACKAGE / "package.json").read_text("utf-8"))
    installed = {name: one for name, one in lock["packages"].items() if name and not one.get("inBundle")}

    assert all(re.fullmatch(r"[\d.]+", version) for version in wanted["devDependencies"].values())
    assert lock["packages"][""]["devDependencies"] == wanted["devDependencies"]
    assert [name for name, one in installed.items() if not one.get("integrity", "").startswith("sha512-")] == []
    assert [name for name, one in installed.items() if "resolved" in one] == []


@pytest.fixture(scope="module")
def checks(request: pytest.FixtureRequest) -> Path:
    """A folder that is kept between runs, with the checks and what they need beside them."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("needs node and npm")
    assert request.config.cache
    lock = (PACKAGE / "package-lock.json").read_bytes()
    folder = request.config.cache.mkdir("salesforce-package") / hashlib.sha256(lock).hexdigest()[:16]
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(PACKAGE / name, folder)
        if not (folder / "installed").exists():
            try:
                subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, timeout=120,
                               capture_output=True, check=True)  # fmt: skip
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
                pytest.skip("npm cannot install the Salesforce tools here")
            (folder / "installed").touch()
        shutil.copytree(PACKAGE / "checks", folder / "checks", dirs_exist_ok=True)
    return folder


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """The package with one mistake of each kind that the tools are there to find."""
    mistakes = [
        ("RelanceSendAction.cls", "Label.Relance_Record_Missing", "Label.Relance_Nothing"),
        ("RelanceOutbox.cls", "row.Reason_Code__c =", "row.Raison_Code__c ="),
        ("RelanceWire.cls", "request.setTimeout(", "request.setPatience("),
        ("RelancePeople.cls", "AccessLevel.USER_MODE", "AccessLevel.SYSTEM_MODE"),
        ("RelanceConversation.cls", "with sharing class", "class"),
        ("RelanceSweep.cls", "old.add(row);", "old.add(row); update row; Contact one = [SELECT Id FROM Contact];"),
        ("RelanceCancelAction.cls", "rows.add(rowFor(request));", "rows.add(rowFor(request))"),
    ]
    folder = tmp_path / "package"
    shutil.copytree(PACKAGE, folder, ignore=shutil.ignore_patterns("node_modules"))
    for name, right, wrong in mistakes:
        path = folder / "force-app/main/default/classes" / name
        source = path.read_text("utf-8")
        assert right in source
        path.write_text(source.replace(right, wrong), "utf-8")
    page = folder / "force-app/main/default/lwc/relanceConversation/relanceConversation.html"
    page.write_text(page.read_text("utf-8").replace("</lightning-card>", ""), "utf-8")
    script = page.with_suffix(".js")
    script.write_text(script.read_text("utf-8").replace("@api recordId;", "@api RecordId;"), "utf-8")
    (folder / "force-app/main/default/classes/Stray.txt").write_text("?")
    return folder


def said(checks: Path, script: str, package: Path) -> dict[str, Any]:
    done = subprocess.run(["node", f"checks/{script}.mjs", str(package)], cwd=checks, timeout=120, capture_output=True,
                          text=True, check=False)  # fmt: skip
    assert done.stdout, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (1 if answer["problems"] else 0), done.stderr
    return answer


def needs_java() -> None:
    if not shutil.which("java"):
        pytest.skip("needs java")


def test_salesforces_registry_knows_every_file_and_every_class_parses(checks: Path) -> None:
    answer = said(checks, "components", PACKAGE)

    assert answer["problems"] == []
    assert answer["counts"]["ApexClass"] == len(sources())
    assert answer["counts"]["CustomField"] == len(fields())
    assert {"Dashboard", "ExternalCredential", "LightningComponentBundle", "NamedCredential", "ReportType",
            "Translations"} <= set(answer["counts"])  # fmt: skip


def test_the_lightning_component_compiles_and_keeps_the_rules(checks: Path) -> None:
    answer = said(checks, "lightning", PACKAGE)

    assert answer["problems"] == []
    assert set(answer["compiled"]) == {f"{path.parent.name}/{path.name}" for path in (*files("*.js"), *files("*.html"))}


@pytest.mark.slow
def test_the_apex_fits_salesforces_types_and_pmd_is_content(checks: Path) -> None:
    needs_java()
    answer = said(checks, "apex", PACKAGE)

    assert answer["problems"] == []
    assert answer["classes"] == len(sources())


@pytest.mark.slow
def test_the_registry_and_the_parser_find_mistakes(checks: Path, broken: Path) -> None:
    found = "\n".join(said(checks, "components", broken)["problems"])

    assert "Stray.txt: part of no component" in found
    assert re.search(r"RelanceSweep\.cls:\d+: DML in a loop", found)
    assert re.search(r"RelanceSweep\.cls:\d+: SOQL in a loop", found)
    assert re.search(r"RelanceCancelAction\.cls:\d+:\d+: missing ';'", found)


@pytest.mark.slow
def test_the_lightning_tools_find_mistakes(checks: Path, broken: Path) -> None:
    found = "\n".join(said(checks, "lightning", broken)["problems"])

    assert "relanceConversation.html" in found
    assert "no-leading-uppercase-api-name" in found


@pytest.mark.slow
def test_the_apex_tools_find_mistakes(checks: Path, broken: Path) -> None:
    needs_java()
    found = "\n".join(said(checks, "apex", broken)["problems"])

    assert "Relance_Nothing" in found
    assert "Raison_Code__c" in found
    assert "setPatience" in found
    assert "(ApexSharingViolations)" in found
    assert "(OperationWithLimitsInLoop)" in found

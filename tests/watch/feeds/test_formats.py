"""Every published format becomes the same record."""

from polysilicon.watch.feeds import csaf, ecfr, nvd, osv
from polysilicon.watch.feeds.moments import calendar_day, moment, spelt_day
from polysilicon.watch.versions import standing


def test_the_container_that_cisa_adds_says_what_is_exploited(notice):
    found = notice("CVE-2024-54085.json")
    assert (found.exploited.by, found.exploited.since) == ("CISA KEV", "2025-06-25")
    assert notice("CVE-2026-3059.json").scores[0].by == "CISA-ADP"  # the CNA gave none
    assert notice("CVE-2026-3059.json").exploited is None


def test_kev_says_since_when_and_until_when(notice):
    found = notice("kev.json")
    assert (found.kind, found.matter) == ("exploitation", "CVE-2024-54085")
    assert (found.exploited.since, found.exploited.due) == ("2025-06-25", "2025-07-16")


def test_nvd_names_the_firmware_of_a_chip_and_not_the_hardware_beside_it(notice):
    found = notice("nvd-CVE-2023-4969.json")
    assert [one.product for one in found.affected] == ["instinct mi300x firmware"]
    assert (found.published, found.modified) == ("2024-01-16", "2024-11-21T08:36:22Z")


def test_nvd_ranges_are_ranges():
    cve = {
        "id": "CVE-1-1",
        "vulnStatus": "Analyzed",
        "configurations": [
            {
                "nodes": [
                    {
                        "cpeMatch": [
                            {
                                "vulnerable": True,
                                "criteria": r"cpe:2.3:a:nvidia:container\:toolkit:*:*:*:*:*:*:*:*",
                                "versionEndExcluding": "1.16.2",
                            }
                        ]
                    }
                ]
            }
        ],
    }
    (found,) = nvd.read({"cve": cve})
    assert found.affected[0].product == "container:toolkit"
    assert standing(found.affected[0], "1.16.1") == "affected"
    assert standing(found.affected[0], "1.16.2") == "unaffected"


def test_osv_names_packages_with_exact_ranges(notice):
    found = notice("PYSEC-2022-43015.yaml")
    assert (found.matter, found.affected[0].package) == ("CVE-2022-45907", "pypi/torch")
    assert standing(found.affected[0], "1.13.0") == "affected"
    assert standing(found.affected[0], "1.13.1") == "unaffected"


def test_osv_events_count_in_the_order_of_their_versions():
    events = [{"fixed": "1.3.3"}, {"introduced": "1.3.0"}, {"introduced": "0"}, {"fixed": "1.2.8"}]
    affected = [{"package": {"ecosystem": "Go", "name": "x"}, "ranges": [{"type": "SEMVER", "events": events}]}]
    (found,) = osv.read({"id": "GO-1", "modified": "2025-01-01T00:00:00Z", "affected": affected})
    said = found.affected[0]
    assert [standing(said, one) for one in ("1.2.7", "1.2.8", "1.3.0", "1.3.3")] == [
        "affected",
        "unaffected",
        "affected",
        "unaffected",
    ]


def test_a_withdrawn_osv_record_is_withdrawn():
    (found,) = osv.read({"id": "X", "modified": "2025-01-01T00:00:00Z", "withdrawn": "2025-01-02T00:00:00Z"})
    assert found.withdrawn


def test_a_bulletin_has_a_notice_for_every_vulnerability(published):
    found = published("nvidia-5582.json")
    assert [one.matter for one in found.notices] == ["CVE-2024-0132", "CVE-2024-0133"]
    toolkit = found.notices[0].affected[0]
    assert (toolkit.product, toolkit.fixed[0].low) == ("NVIDIA Container Toolkit", "v1.16.2")


def test_a_product_tree_in_the_standards_way_is_read_too():
    branches = [
        {
            "category": "vendor",
            "name": "ACME",
            "branches": [
                {
                    "category": "product_name",
                    "name": "Rocket",
                    "branches": [
                        {
                            "category": "product_version_range",
                            "name": "vers:npm/<2.0.0",
                            "product": {"product_id": "A", "name": "ACME Rocket <2.0.0"},
                        },
                        {
                            "category": "product_version",
                            "name": "2.0.0",
                            "product": {"product_id": "B", "name": "ACME Rocket 2.0.0"},
                        },
                    ],
                }
            ],
        }
    ]
    document = {
        "document": {"title": "T", "tracking": {"id": "ACME-1"}},
        "product_tree": {"branches": branches},
        "vulnerabilities": [
            {
                "cve": "CVE-2025-1",
                "product_status": {"known_affected": ["A"], "fixed": ["B"]},
                "remediations": [{"category": "workaround", "details": "unplug it"}],
            }
        ],
    }
    (found,) = csaf.read(document)
    (said,) = found.affected
    assert (said.vendor, said.product) == ("ACME", "Rocket")
    assert standing(said, "1.9.0") == "affected"
    assert standing(said, "2.0.0") == "unaffected"
    assert found.remedies[0].text == "unplug it"


def test_no_fix_planned_is_read_from_a_remediation():
    document = {
        "document": {"title": "T", "tracking": {"id": "ACME-1"}},
        "product_tree": {"full_product_names": [{"product_id": "A", "name": "Rocket"}]},
        "vulnerabilities": [
            {
                "cve": "CVE-2025-1",
                "product_status": {"known_affected": ["A"]},
                "remediations": [{"category": "no_fix_planned", "details": "end of life"}],
            }
        ],
    }
    (found,) = csaf.read(document)
    assert not found.affected[0].fix_planned


def test_a_page_of_the_federal_register_gives_its_documents(published):
    found = published("federal-register-documents.json")
    assert [one.id for one in found.notices] == ["2026-00789", "2026-20511"]
    assert found.notices[0].law.parts == ("15 CFR 742", "15 CFR 748")
    assert found.notices[1].law.parts == ()  # an index page leaves fields out


def test_a_single_document_says_from_when_it_holds(notice):
    law = notice("federal-register-2026-20511.json").law
    assert (law.citation, law.effective) == ("91 FR 70011", "2026-11-20")
    assert [one.mark for one in law.paragraphs] == ["action", "dates", "abstract"]


def test_a_section_has_its_text_and_two_dates(notice):
    found = notice("ecfr-2026-10-01-title-15-part-744.xml")
    assert (found.id, found.published, found.law.text_date) == ("15 CFR 744.23", "2026-10-01", "2023-10-25")
    assert [one.mark for one in found.law.paragraphs] == ["(a)", "(a)(3)"]


def test_a_section_without_a_dated_file_has_the_last_date_it_cites(published):
    text = (
        b'<DIV5 N="7" TYPE="PART"><DIV8 N="7.1" TYPE="SECTION"><HEAD>x</HEAD><P>(a) y</P>'
        b"<CITA>[1 FR 2, Jan. 2, 2020]</CITA></DIV8></DIV5>"
    )
    (found,) = ecfr.read(text, "title-15.xml")
    assert found.published == "2020-01-02"
    amended = b"<ECFR><AMDDATE>Oct. 9, 2025</AMDDATE>" + text + b"</ECFR>"
    assert next(ecfr.read(amended, "title-15.xml")).published == "2025-10-09"


def test_a_supplement_is_called_as_rules_cite_it():
    text = b'<DIV9 N="Supplement No. 1 to Part 774" TYPE="APPENDIX"><HEAD>CCL</HEAD><P>3A090</P></DIV9>'
    assert next(ecfr.read(text, "2026-01-01.xml")).id == "15 CFR 774 Supp. 1"


def test_moments_and_days_are_read_or_left_out():
    assert moment("2024-09-26T05:18:33.211Z") == "2024-09-26T05:18:33Z"
    assert moment("2026-05-12T10:29:08.1-06:00") == "2026-05-12T16:29:08Z"
    assert moment("2024-07-11T20:15:26.116178") == "2024-07-11T20:15:26Z"
    assert moment("0001-01-01T00:00:00+14:00") is None
    assert moment("not a date") is None
    assert moment(None) is None
    assert calendar_day("2024-02-30T00:00:00Z") is None
    assert spelt_day("[61 FR 12802, Mar. 25, 1996, as amended Jan. 16, 2026]") == "2026-01-16"
    assert spelt_day("Foo. 99, 2026") is None


def test_a_sentence_on_fixes_is_not_believed_of_several_products():
    from polysilicon.watch.feeds import cve

    def record(*products):
        affected = [
            {"vendor": "v", "product": one, "versions": [{"version": "some", "status": "affected"}]} for one in products
        ]
        text = [{"lang": "en", "value": "Fixed in version 2.0."}]
        return {
            "cveMetadata": {"cveId": "CVE-2025-1", "state": "PUBLISHED"},
            "containers": {"cna": {"descriptions": text, "affected": affected}},
        }

    (alone,), (both,) = cve.read(record("a")), cve.read(record("a", "b"))
    assert standing(alone.affected[0], "3.0") == "unaffected"
    assert standing(both.affected[1], "3.0") == "possible"


def test_one_of_several_advised_versions_is_nobodys():
    def document(advice):
        return {
            "document": {
                "title": "Several tools",
                "tracking": {"id": "X-1"},
                "notes": [{"category": "details", "title": "Recommendation", "text": advice}],
            },
            "vulnerabilities": [{"cve": "CVE-2025-1", "title": "A hole in some tools"}],
        }

    (one,) = csaf.read(document("Update A to version 1.2 or later."))
    (two,) = csaf.read(document("Update A to version 1.2 or later. Update B to version 3.4 or later."))
    assert standing(one.affected[0], "1.5") == "unaffected"
    assert standing(two.affected[0], "1.5") == "possible"

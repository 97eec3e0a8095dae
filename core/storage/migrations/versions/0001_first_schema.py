"""The first schema"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "answers",
        sa.Column("occasion", sa.String(length=40), nullable=False),
        sa.Column("rule", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("installation", sa.String(length=40), nullable=False),
        sa.Column("answer", sa.String(length=6), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("checks", sa.Text(), nullable=False),
        sa.Column("wanted_at", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("left_out_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("occasion", "rule", name=op.f("pk_answers")),
    )
    with op.batch_alter_table("answers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_answers_installation"), ["installation"], unique=False)
        batch_op.create_index(
            "ix_answers_left_out",
            ["left_out_at"],
            unique=False,
            sqlite_where=sa.text("left_out_at IS NOT NULL"),
            postgresql_where=sa.text("left_out_at IS NOT NULL"),
        )

    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.String(length=24), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("test", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("hash", name=op.f("uq_api_keys_hash")),
    )
    op.create_table(
        "approved_templates",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=24), nullable=False),
        sa.Column("category", sa.String(length=24), nullable=True),
        sa.Column("next_category", sa.String(length=24), nullable=True),
        sa.Column("next_category_at", sa.BigInteger(), nullable=True),
        sa.Column("quality", sa.String(length=12), nullable=True),
        sa.Column("rejected", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("parts", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approved_templates")),
        sa.UniqueConstraint("account", "name", "language", name=op.f("uq_approved_templates_account_name_language")),
    )
    with op.batch_alter_table("approved_templates", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_approved_templates_workspace"), ["workspace"], unique=False)

    op.create_table(
        "attempts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("message", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=40), nullable=True),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("provider_ref", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("price_micros", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("step", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
    )
    with op.batch_alter_table("attempts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_attempts_message"), ["message"], unique=False)
        batch_op.create_index(
            "ix_attempts_provider_ref",
            ["account", "provider_ref"],
            unique=False,
            sqlite_where=sa.text("step IS NOT NULL"),
            postgresql_where=sa.text("step IS NOT NULL"),
        )

    op.create_table(
        "attendances",
        sa.Column("occasion", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("came", sa.Boolean(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("occasion", name=op.f("pk_attendances")),
    )
    with op.batch_alter_table("attendances", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_attendances_workspace_start"), ["workspace", "start"], unique=False)

    op.create_table(
        "audit",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("what", sa.String(length=60), nullable=False),
        sa.Column("on", sa.String(length=40), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("mac", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("chain", sa.String(length=64), nullable=True),
        sa.Column("erased", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.create_index(
            "ix_audit_unchained",
            ["workspace"],
            unique=False,
            sqlite_where=sa.text("seq IS NULL"),
            postgresql_where=sa.text("seq IS NULL"),
        )
        batch_op.create_index(batch_op.f("ix_audit_workspace_at"), ["workspace", "at"], unique=False)
        batch_op.create_index("ix_audit_workspace_seq", ["workspace", "seq"], unique=True)

    op.create_table(
        "audit_heads",
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("chain", sa.String(length=64), nullable=False),
        sa.Column("from_seq", sa.BigInteger(), nullable=False),
        sa.Column("from_chain", sa.String(length=64), nullable=False),
        sa.Column("mac", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", name=op.f("pk_audit_heads")),
    )
    op.create_table(
        "buckets",
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("urgent_until", sa.BigInteger(), nullable=False),
        sa.Column("bulk_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_buckets")),
    )
    op.create_table(
        "called_off",
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("installation", sa.String(length=40), nullable=False),
        sa.Column("whom", sa.String(length=64), nullable=False),
        sa.Column("campaign", sa.String(length=200), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "installation", "whom", "campaign", name=op.f("pk_called_off")),
    )
    with op.batch_alter_table("called_off", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_called_off_at"), ["at"], unique=False)

    op.create_table(
        "campaign_people",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("campaign", sa.String(length=40), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("contact", sa.String(length=40), nullable=True),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("variant", sa.String(length=40), nullable=True),
        sa.Column("step", sa.String(length=8), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("message", sa.String(length=40), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign_people")),
        sa.UniqueConstraint("campaign", "number", name=op.f("uq_campaign_people_campaign_number")),
    )
    with op.batch_alter_table("campaign_people", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_campaign_people_campaign_state_place"), ["campaign", "state", "place"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_campaign_people_message"), ["message"], unique=False)
        batch_op.create_index(batch_op.f("ix_campaign_people_workspace_number"), ["workspace", "number"], unique=False)

    op.create_table(
        "campaign_series",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("every", sa.String(length=5), nullable=False),
        sa.Column("first", sa.String(length=10), nullable=False),
        sa.Column("at", sa.String(length=5), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("until", sa.String(length=10), nullable=True),
        sa.Column("most", sa.Integer(), nullable=True),
        sa.Column("runs", sa.Integer(), server_default="0", nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("last_at", sa.BigInteger(), nullable=True),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign_series")),
    )
    with op.batch_alter_table("campaign_series", schema=None) as batch_op:
        batch_op.create_index(
            "ix_campaign_series_due",
            ["next_at"],
            unique=False,
            sqlite_where=sa.text("next_at IS NOT NULL"),
            postgresql_where=sa.text("next_at IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_campaign_series_workspace"), ["workspace"], unique=False)

    op.create_table(
        "campaigns",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("class", sa.String(length=16), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("send_at", sa.BigInteger(), nullable=True),
        sa.Column("wall", sa.String(length=19), nullable=True),
        sa.Column("zone", sa.String(length=64), nullable=True),
        sa.Column("useful", sa.Integer(), nullable=False),
        sa.Column("staged", sa.Text(), nullable=True),
        sa.Column("winner", sa.String(length=10), nullable=True),
        sa.Column("holdout", sa.Integer(), nullable=False),
        sa.Column("open_until", sa.BigInteger(), nullable=True),
        sa.Column("survey", sa.String(length=40), nullable=True),
        sa.Column("test", sa.Boolean(), nullable=False),
        sa.Column("series", sa.String(length=40), nullable=True),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("gathered", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("left_out_below", sa.BigInteger(), nullable=True),
        sa.Column("first_below", sa.BigInteger(), nullable=True),
        sa.Column("first_only", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("placed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("won", sa.String(length=40), nullable=True),
        sa.Column("let_go", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("first_over_at", sa.BigInteger(), nullable=True),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaigns")),
    )
    with op.batch_alter_table("campaigns", schema=None) as batch_op:
        batch_op.create_index(
            "ix_campaigns_due",
            ["next_at"],
            unique=False,
            sqlite_where=sa.text("next_at IS NOT NULL"),
            postgresql_where=sa.text("next_at IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_campaigns_workspace"), ["workspace"], unique=False)

    op.create_table(
        "cap_stops",
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("cap", sa.String(length=40), nullable=False),
        sa.Column("holding", sa.Boolean(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "cap", name=op.f("pk_cap_stops")),
    )
    op.create_table(
        "click_hours",
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("link", sa.String(length=40), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("visitor", sa.String(length=8), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("link", "start", "visitor", name=op.f("pk_click_hours")),
    )
    op.create_table(
        "clicks",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("link", sa.String(length=40), nullable=False),
        sa.Column("message", sa.String(length=40), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clicks")),
    )
    with op.batch_alter_table("clicks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_clicks_link"), ["link"], unique=False)
        batch_op.create_index(batch_op.f("ix_clicks_message"), ["message"], unique=False)

    op.create_table(
        "consents",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("scope", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=4), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("installation", sa.String(length=40), nullable=True),
        sa.Column("untold", sa.Boolean(), server_default=sa.text("(true)"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
    )
    with op.batch_alter_table("consents", schema=None) as batch_op:
        batch_op.create_index(
            "ix_consents_untold",
            ["id"],
            unique=False,
            sqlite_where=sa.text("untold"),
            postgresql_where=sa.text("untold"),
        )
        batch_op.create_index(
            batch_op.f("ix_consents_workspace_number_scope"), ["workspace", "number", "scope"], unique=False
        )

    op.create_table(
        "contacts",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("first_name", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("language", sa.String(length=5), nullable=True),
        sa.Column("zone", sa.String(length=64), nullable=True),
        sa.Column("values", sa.Text(), nullable=False),
        sa.Column("quarantine", sa.Text(), nullable=True),
        sa.Column("number_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacts")),
        sa.UniqueConstraint("workspace", "number", name=op.f("uq_contacts_workspace_number")),
    )
    with op.batch_alter_table("contacts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_contacts_workspace_email"), ["workspace", "email"], unique=False)

    op.create_table(
        "conversations",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("unread", sa.Integer(), server_default="0", nullable=False),
        sa.Column("assigned", sa.String(length=40), nullable=True),
        sa.Column("channel", sa.String(length=10), nullable=True),
        sa.Column("reply", sa.String(length=40), nullable=True),
        sa.Column("message", sa.String(length=40), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversations")),
        sa.UniqueConstraint("workspace", "number", name=op.f("uq_conversations_workspace_number")),
    )
    with op.batch_alter_table("conversations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_conversations_workspace_at"), ["workspace", "at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_conversations_workspace_state_at"), ["workspace", "state", "at"], unique=False
        )

    op.create_table(
        "conversions",
        sa.Column("purchase", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("installation", sa.String(length=40), nullable=False),
        sa.Column("rule", sa.String(length=40), nullable=False),
        sa.Column("cart", sa.String(length=40), nullable=False),
        sa.Column("message", sa.String(length=40), nullable=True),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("nudged_at", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.PrimaryKeyConstraint("purchase", name=op.f("pk_conversions")),
    )
    with op.batch_alter_table("conversions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_conversions_cart"), ["cart"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_conversions_installation_nudged_at"), ["installation", "nudged_at"], unique=False
        )

    op.create_table(
        "counters",
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("what", sa.String(length=120), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("segments", sa.BigInteger(), nullable=False),
        sa.Column("micros", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "what", "start", name=op.f("pk_counters")),
    )
    with op.batch_alter_table("counters", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_counters_workspace_start"), ["workspace", "start"], unique=False)

    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("webhook", sa.String(length=40), nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
    )
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.create_index(
            "ix_deliveries_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("state = 'waiting'"),
            postgresql_where=sa.text("state = 'waiting'"),
        )
        batch_op.create_index(batch_op.f("ix_deliveries_workspace_webhook"), ["workspace", "webhook"], unique=False)

    op.create_table(
        "erasures",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("installation", sa.String(length=40), nullable=False),
        sa.Column("before", sa.String(length=20), nullable=False),
        sa.Column("rows", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
        sa.UniqueConstraint("installation", name=op.f("uq_erasures_installation")),
    )
    op.create_table(
        "export_parts",
        sa.Column("export", sa.String(length=40), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("export", "part", name=op.f("pk_export_parts")),
    )
    op.create_table(
        "exports",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("what", sa.String(length=20), nullable=False),
        sa.Column("format", sa.String(length=8), nullable=False),
        sa.Column("filters", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("cursor", sa.String(length=80), nullable=True),
        sa.Column("parts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rows", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("lease", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exports")),
    )
    with op.batch_alter_table("exports", schema=None) as batch_op:
        batch_op.create_index(
            "ix_exports_due",
            ["lease"],
            unique=False,
            sqlite_where=sa.text("state IN ('waiting', 'running')"),
            postgresql_where=sa.text("state IN ('waiting', 'running')"),
        )
        batch_op.create_index(batch_op.f("ix_exports_workspace"), ["workspace"], unique=False)

    op.create_table(
        "house",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_house")),
    )
    op.create_table(
        "idempotency",
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("request", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("headers", sa.Text(), nullable=True),
        sa.Column("owner", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "key", name=op.f("pk_idempotency")),
    )
    with op.batch_alter_table("idempotency", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_idempotency_created_at"), ["created_at"], unique=False)

    op.create_table(
        "identities",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("issuer", sa.String(length=400), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("user", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identities")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_identities_issuer_subject")),
        sa.UniqueConstraint("user", "issuer", name=op.f("uq_identities_user_issuer")),
    )
    op.create_table(
        "inbox",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("installation", sa.String(length=40), nullable=True),
        sa.Column("account", sa.String(length=40), nullable=True),
        sa.Column("adapter", sa.String(length=40), nullable=False),
        sa.Column("source", sa.String(length=16), server_default="hook", nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("delivery", sa.String(length=200), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("replayed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
    )
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.create_index("ix_inbox_delivery", ["installation", "delivery"], unique=False)
        batch_op.create_index("ix_inbox_digest", ["installation", "digest"], unique=False)
        batch_op.create_index(batch_op.f("ix_inbox_workspace_received_at"), ["workspace", "received_at"], unique=False)

    op.create_table(
        "installations",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("adapter", sa.String(length=40), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("account", sa.Text(), nullable=True),
        sa.Column("config", sa.Text(), nullable=False),
        sa.Column("secrets", sa.Text(), nullable=True),
        sa.Column("memory", sa.Text(), nullable=False),
        sa.Column("learnt", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("token_expires_at", sa.BigInteger(), nullable=True),
        sa.Column("grant_expires_at", sa.BigInteger(), nullable=True),
        sa.Column("next_pull_at", sa.BigInteger(), nullable=True),
        sa.Column("pull_lease_until", sa.BigInteger(), nullable=True),
        sa.Column("pulled_at", sa.BigInteger(), nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=True),
        sa.Column("maintain_at", sa.BigInteger(), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("problems", sa.Text(), server_default="[]", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("live_since", sa.BigInteger(), nullable=True),
        sa.Column("control_group", sa.Integer(), nullable=True),
        sa.Column("heard_at", sa.BigInteger(), nullable=True),
        sa.Column("rhythm", sa.Text(), nullable=True),
        sa.Column("missed_since", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installations")),
    )
    with op.batch_alter_table("installations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_installations_adapter_account"), ["adapter", "account"], unique=False)
        batch_op.create_index(
            "ix_installations_due",
            ["next_pull_at"],
            unique=False,
            sqlite_where=sa.text("next_pull_at IS NOT NULL"),
            postgresql_where=sa.text("next_pull_at IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_installations_workspace"), ["workspace"], unique=False)

    op.create_table(
        "keywords",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("template", sa.String(length=80), nullable=True),
        sa.Column("segment", sa.String(length=40), nullable=True),
        sa.Column("consent", sa.Text(), nullable=True),
        sa.Column("survey", sa.String(length=40), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("heard", sa.Integer(), server_default="0", nullable=False),
        sa.Column("heard_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_keywords")),
    )
    with op.batch_alter_table("keywords", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_keywords_workspace"), ["workspace"], unique=False)

    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("owner", sa.String(length=40), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "left_out",
        sa.Column("cart", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("installation", sa.String(length=40), nullable=False),
        sa.Column("rule", sa.String(length=40), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("cart", name=op.f("pk_left_out")),
    )
    with op.batch_alter_table("left_out", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_left_out_installation_at"), ["installation", "at"], unique=False)

    op.create_table(
        "links",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("code", sa.String(length=24), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("track", sa.Boolean(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("message", sa.String(length=40), nullable=True),
        sa.Column("test", sa.Boolean(), nullable=False),
        sa.Column("clicked_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_links")),
        sa.UniqueConstraint("code", name=op.f("uq_links_code")),
    )
    with op.batch_alter_table("links", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_links_expires_at"), ["expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_links_message"), ["message"], unique=False)
        batch_op.create_index(batch_op.f("ix_links_workspace"), ["workspace"], unique=False)

    op.create_table(
        "measured_days",
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("touched", sa.Integer(), nullable=False),
        sa.Column("summed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "day", name=op.f("pk_measured_days")),
    )
    with op.batch_alter_table("measured_days", schema=None) as batch_op:
        batch_op.create_index(
            "ix_measured_days_stale",
            ["workspace", "day"],
            unique=False,
            sqlite_where=sa.text("touched <> summed"),
            postgresql_where=sa.text("touched <> summed"),
        )

    op.create_table(
        "measured_sums",
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("installation", sa.String(length=40), nullable=False),
        sa.Column("rule", sa.String(length=40), nullable=False),
        sa.Column("campaign", sa.String(length=200), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("class", sa.String(length=16), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("range", sa.String(length=6), nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("left", sa.BigInteger(), nullable=False),
        sa.Column("delivered", sa.BigInteger(), nullable=False),
        sa.Column("read", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("parts", sa.BigInteger(), nullable=False),
        sa.Column("micros", sa.BigInteger(), nullable=False),
        sa.Column("linked", sa.BigInteger(), nullable=False),
        sa.Column("clicked", sa.BigInteger(), nullable=False),
        sa.Column("asked", sa.BigInteger(), nullable=False),
        sa.Column("answered", sa.BigInteger(), nullable=False),
        sa.Column("stops", sa.BigInteger(), nullable=False),
    )
    with op.batch_alter_table("measured_sums", schema=None) as batch_op:
        batch_op.create_index("ix_measured_sums_day", ["workspace", "day"], unique=False)

    op.create_table(
        "memberships",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("user", sa.String(length=40), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_memberships")),
        sa.UniqueConstraint("user", "workspace", name=op.f("uq_memberships_user_workspace")),
    )
    op.create_table(
        "messages",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("installation", sa.String(length=40), nullable=True),
        sa.Column("occasion", sa.String(length=40), nullable=True),
        sa.Column("rule", sa.String(length=40), nullable=True),
        sa.Column("campaign", sa.String(length=200), nullable=True),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("step", sa.Integer(), server_default="1", nullable=False),
        sa.Column("about", sa.BigInteger(), nullable=True),
        sa.Column("class", sa.String(length=16), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("channels", sa.Text(), nullable=False),
        sa.Column("budgets", sa.Text(), nullable=True),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("channel_step", sa.Integer(), server_default="0", nullable=False),
        sa.Column("calls", sa.Integer(), server_default="0", nullable=False),
        sa.Column("fallback_at", sa.BigInteger(), nullable=True),
        sa.Column("to", sa.String(length=20), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("template", sa.String(length=40), nullable=True),
        sa.Column("encoding", sa.String(length=5), nullable=False),
        sa.Column("segments", sa.Integer(), nullable=False),
        sa.Column("price_micros", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("sender", sa.String(length=16), nullable=True),
        sa.Column("asks", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("reference", sa.String(length=140), nullable=True),
        sa.Column("zone", sa.String(length=64), nullable=True),
        sa.Column("test", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("checks", sa.Text(), nullable=False),
        sa.Column("by_person", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("wanted_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("left_at", sa.BigInteger(), nullable=True),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease", sa.BigInteger(), nullable=True),
        sa.Column("owner", sa.String(length=40), nullable=True),
        sa.Column("fence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("account", sa.String(length=40), nullable=True),
        sa.Column("channel", sa.String(length=10), nullable=True),
        sa.Column("provider_ref", sa.Text(), nullable=True),
        sa.Column("held_by", sa.String(length=60), nullable=True),
        sa.Column("looked_at", sa.BigInteger(), nullable=True),
        sa.Column("told", sa.String(length=12), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
    )
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.create_index(
            "ix_messages_calling",
            ["left_at"],
            unique=False,
            sqlite_where=sa.text("state = 'sent' AND channel = 'voice'"),
            postgresql_where=sa.text("state = 'sent' AND channel = 'voice'"),
        )
        batch_op.create_index(
            "ix_messages_campaign",
            ["workspace", "campaign"],
            unique=False,
            sqlite_where=sa.text("campaign IS NOT NULL"),
            postgresql_where=sa.text("campaign IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_messages_due",
            ["priority", "due_at"],
            unique=False,
            sqlite_where=sa.text("state = 'scheduled'"),
            postgresql_where=sa.text("state = 'scheduled'"),
        )
        batch_op.create_index(
            "ix_messages_fallback",
            ["fallback_at"],
            unique=False,
            sqlite_where=sa.text("fallback_at IS NOT NULL AND state IN ('sent', 'scheduled')"),
            postgresql_where=sa.text("fallback_at IS NOT NULL AND state IN ('sent', 'scheduled')"),
        )
        batch_op.create_index(
            "ix_messages_held",
            ["held_by"],
            unique=False,
            sqlite_where=sa.text("state = 'held'"),
            postgresql_where=sa.text("state = 'held'"),
        )
        batch_op.create_index(
            "ix_messages_lease",
            ["lease"],
            unique=False,
            sqlite_where=sa.text("lease IS NOT NULL"),
            postgresql_where=sa.text("lease IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_messages_left",
            ["workspace", "left_at"],
            unique=False,
            sqlite_where=sa.text("left_at IS NOT NULL"),
            postgresql_where=sa.text("left_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_messages_occasion",
            ["occasion", "workspace"],
            unique=False,
            sqlite_where=sa.text("occasion IS NOT NULL"),
            postgresql_where=sa.text("occasion IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_messages_provider_ref",
            ["account", "provider_ref"],
            unique=False,
            sqlite_where=sa.text("provider_ref IS NOT NULL"),
            postgresql_where=sa.text("provider_ref IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_messages_reference",
            ["workspace", "reference"],
            unique=False,
            sqlite_where=sa.text("reference IS NOT NULL"),
            postgresql_where=sa.text("reference IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_messages_rich",
            ["workspace", "due_at"],
            unique=False,
            sqlite_where=sa.text("state = 'scheduled' AND channels <> '[\"sms\"]'"),
            postgresql_where=sa.text("state = 'scheduled' AND channels <> '[\"sms\"]'"),
        )
        batch_op.create_index("ix_messages_state", ["workspace", "state", "due_at"], unique=False)
        batch_op.create_index("ix_messages_to", ["workspace", "to"], unique=False)
        batch_op.create_index(
            "ix_messages_untold",
            ["changed_at"],
            unique=False,
            sqlite_where=sa.text("told <> state AND state NOT IN ('scheduled', 'held', 'sending')"),
            postgresql_where=sa.text("told <> state AND state NOT IN ('scheduled', 'held', 'sending')"),
        )
        batch_op.create_index(
            "uq_messages_installation_key_step",
            ["installation", "key", "step"],
            unique=True,
            sqlite_where=sa.text("key IS NOT NULL"),
            postgresql_where=sa.text("key IS NOT NULL"),
        )

    op.create_table(
        "notes",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("conversation", sa.String(length=40), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notes")),
    )
    with op.batch_alter_table("notes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notes_conversation_at"), ["conversation", "at"], unique=False)

    op.create_table(
        "oauth_states",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("adapter", sa.String(length=40), nullable=False),
        sa.Column("user", sa.String(length=40), nullable=False),
        sa.Column("browser", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth_states")),
        sa.UniqueConstraint("hash", name=op.f("uq_oauth_states_hash")),
    )
    op.create_table(
        "occasions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("installation", sa.String(length=40), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=24), nullable=False),
        sa.Column("closed", sa.String(length=16), nullable=True),
        sa.Column("start", sa.BigInteger(), nullable=True),
        sa.Column("end", sa.BigInteger(), nullable=True),
        sa.Column("zone", sa.String(length=64), nullable=True),
        sa.Column("all_day", sa.Boolean(), nullable=False),
        sa.Column("recipient", sa.String(length=20), nullable=True),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("line", sa.String(length=16), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("candidates", sa.Text(), nullable=False),
        sa.Column("values", sa.Text(), nullable=False),
        sa.Column("private", sa.Text(), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("backlog", sa.Boolean(), nullable=False),
        sa.Column("answer", sa.String(length=16), nullable=True),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("own_recipient", sa.String(length=20), nullable=True),
        sa.Column("own_country", sa.String(length=2), nullable=True),
        sa.Column("own_line", sa.String(length=16), nullable=True),
        sa.Column("muted", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("content_at", sa.BigInteger(), nullable=True),
        sa.Column("content_digest", sa.String(length=24), nullable=True),
        sa.Column("wish", sa.Text(), nullable=True),
        sa.Column("subject", sa.String(length=200), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_occasions")),
        sa.UniqueConstraint("installation", "key", name=op.f("uq_occasions_installation_key")),
    )
    with op.batch_alter_table("occasions", schema=None) as batch_op:
        batch_op.create_index(
            "ix_occasions_carts",
            ["installation", "at"],
            unique=False,
            sqlite_where=sa.text("kind = 'cart'"),
            postgresql_where=sa.text("kind = 'cart'"),
        )
        batch_op.create_index(
            "ix_occasions_email",
            ["workspace", "email"],
            unique=False,
            sqlite_where=sa.text("email IS NOT NULL"),
            postgresql_where=sa.text("email IS NOT NULL"),
        )
        batch_op.create_index("ix_occasions_open", ["installation", "start"], unique=False)
        batch_op.create_index(
            "ix_occasions_own_recipient",
            ["workspace", "own_recipient"],
            unique=False,
            sqlite_where=sa.text("own_recipient IS NOT NULL"),
            postgresql_where=sa.text("own_recipient IS NOT NULL"),
        )
        batch_op.create_index("ix_occasions_recipient", ["workspace", "recipient"], unique=False)
        batch_op.create_index("ix_occasions_start", ["workspace", "start"], unique=False)
        batch_op.create_index(
            "ix_occasions_subject",
            ["installation", "subject"],
            unique=False,
            sqlite_where=sa.text("subject IS NOT NULL"),
            postgresql_where=sa.text("subject IS NOT NULL"),
        )

    op.create_table(
        "optouts",
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("number_hash", sa.String(length=64), nullable=False),
        sa.Column("scope", sa.String(length=20), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "number_hash", "scope", name=op.f("pk_optouts")),
    )
    op.create_table(
        "page_codes",
        sa.Column("page", sa.String(length=40), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("message", sa.String(length=40), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("page", "code", name=op.f("pk_page_codes")),
    )
    with op.batch_alter_table("page_codes", schema=None) as batch_op:
        batch_op.create_index(
            "ix_page_codes_message",
            ["page", "message"],
            unique=True,
            sqlite_where=sa.text("message IS NOT NULL"),
            postgresql_where=sa.text("message IS NOT NULL"),
        )

    op.create_table(
        "pages",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("code", sa.String(length=24), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("picture", sa.LargeBinary(), nullable=True),
        sa.Column("picture_kind", sa.String(length=10), nullable=True),
        sa.Column("test", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pages")),
        sa.UniqueConstraint("code", name=op.f("uq_pages_code")),
    )
    with op.batch_alter_table("pages", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_pages_workspace"), ["workspace"], unique=False)

    op.create_table(
        "provider_accounts",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("config", sa.Text(), nullable=False),
        sa.Column("secrets", sa.Text(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("countries", sa.Text(), nullable=False),
        sa.Column("channels", sa.Text(), nullable=False),
        sa.Column("rate", sa.Integer(), nullable=True),
        sa.Column("denied", sa.Text(), server_default="[]", nullable=False),
        sa.Column("classes", sa.Text(), server_default="[]", nullable=False),
        sa.Column("prices", sa.Text(), server_default="{}", nullable=False),
        sa.Column("weight", sa.Integer(), nullable=True),
        sa.Column("takes_replies", sa.Boolean(), server_default=sa.text("(true)"), nullable=False),
        sa.Column("rates", sa.Text(), server_default="{}", nullable=False),
        sa.Column("health", sa.Text(), server_default="{}", nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("hook_hash", sa.String(length=64), nullable=False),
        sa.Column("hook_sealed", sa.Text(), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("held_until", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_accounts")),
        sa.UniqueConstraint("hook_hash", name=op.f("uq_provider_accounts_hook_hash")),
    )
    with op.batch_alter_table("provider_accounts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_provider_accounts_workspace"), ["workspace"], unique=False)

    op.create_table(
        "ranges",
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "key", name=op.f("pk_ranges")),
    )
    op.create_table(
        "reach",
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("agent", sa.String(length=160), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("reachable", sa.Boolean(), nullable=False),
        sa.Column("features", sa.Text(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "agent", "number", name=op.f("pk_reach")),
    )
    with op.batch_alter_table("reach", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_reach_until"), ["until"], unique=False)

    op.create_table(
        "receipts",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("message", sa.String(length=40), nullable=True),
        sa.Column("provider_ref", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("also", sa.Text(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipts")),
        sa.UniqueConstraint("account", "digest", name=op.f("uq_receipts_account_digest")),
    )
    with op.batch_alter_table("receipts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_receipts_account_provider_ref"), ["account", "provider_ref"], unique=False)
        batch_op.create_index(batch_op.f("ix_receipts_message"), ["message"], unique=False)
        batch_op.create_index(
            "ix_receipts_missed",
            ["received_at"],
            unique=False,
            sqlite_where=sa.text("message IS NULL"),
            postgresql_where=sa.text("message IS NULL"),
        )

    op.create_table(
        "recovery_codes",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("user", sa.String(length=40), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_recovery_codes")),
    )
    with op.batch_alter_table("recovery_codes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_recovery_codes_user"), ["user"], unique=False)

    op.create_table(
        "replies",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=40), nullable=True),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("to", sa.String(length=20), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("provider_ref", sa.Text(), nullable=False),
        sa.Column("message", sa.String(length=40), nullable=True),
        sa.Column("occasion", sa.String(length=40), nullable=True),
        sa.Column("meaning", sa.String(length=12), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("handled_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replies")),
        sa.UniqueConstraint("account", "provider_ref", name=op.f("uq_replies_account_provider_ref")),
    )
    with op.batch_alter_table("replies", schema=None) as batch_op:
        batch_op.create_index(
            "ix_replies_message",
            ["message"],
            unique=False,
            sqlite_where=sa.text("message IS NOT NULL"),
            postgresql_where=sa.text("message IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_replies_workspace_number"), ["workspace", "number"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_replies_workspace_received_at"), ["workspace", "received_at"], unique=False
        )

    op.create_table(
        "reports",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("installation", sa.String(length=40), nullable=False),
        sa.Column("occasion", sa.String(length=40), nullable=True),
        sa.Column("message", sa.String(length=40), nullable=True),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reports")),
    )
    with op.batch_alter_table("reports", schema=None) as batch_op:
        batch_op.create_index(
            "ix_reports_due",
            ["due_at", "kind"],
            unique=False,
            sqlite_where=sa.text("state = 'waiting'"),
            postgresql_where=sa.text("state = 'waiting'"),
        )
        batch_op.create_index(batch_op.f("ix_reports_message"), ["message"], unique=False)
        batch_op.create_index(batch_op.f("ix_reports_occasion"), ["occasion"], unique=False)

    op.create_table(
        "request_hours",
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("micros", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "start", "kind", name=op.f("pk_request_hours")),
    )
    op.create_table(
        "requests",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("method", sa.String(length=8), nullable=False),
        sa.Column("route", sa.String(length=120), nullable=False),
        sa.Column("on", sa.String(length=40), nullable=True),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=60), nullable=True),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("micros", sa.Integer(), nullable=False),
        sa.Column("request", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requests")),
    )
    with op.batch_alter_table("requests", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_requests_at"), ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_requests_workspace_id"), ["workspace", "id"], unique=False)

    op.create_table(
        "rules",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("installation", sa.String(length=40), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("on", sa.String(length=16), nullable=False),
        sa.Column("class", sa.String(length=16), nullable=False),
        sa.Column("when", sa.Text(), nullable=False),
        sa.Column("until", sa.Text(), nullable=True),
        sa.Column("channels", sa.Text(), nullable=False),
        sa.Column("budgets", sa.Text(), nullable=True),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("template", sa.Text(), nullable=True),
        sa.Column("sender", sa.String(length=16), nullable=True),
        sa.Column("asks", sa.Boolean(), nullable=False),
        sa.Column("late", sa.String(length=8), nullable=False),
        sa.Column("only", sa.Text(), nullable=False),
        sa.Column("conditions", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("preset", sa.String(length=40), nullable=True),
        sa.Column("survey", sa.String(length=40), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rules")),
    )
    with op.batch_alter_table("rules", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_rules_installation"), ["installation"], unique=False)
        batch_op.create_index(
            "ix_rules_survey",
            ["survey"],
            unique=False,
            sqlite_where=sa.text("survey IS NOT NULL"),
            postgresql_where=sa.text("survey IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_rules_workspace"), ["workspace"], unique=False)

    op.create_table(
        "second_factors",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_second_factors")),
    )
    op.create_table(
        "segment_people",
        sa.Column("segment", sa.String(length=40), nullable=False),
        sa.Column("contact", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("segment", "contact", name=op.f("pk_segment_people")),
    )
    with op.batch_alter_table("segment_people", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_segment_people_contact"), ["contact"], unique=False)

    op.create_table(
        "segments",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("conditions", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segments")),
    )
    with op.batch_alter_table("segments", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_segments_workspace"), ["workspace"], unique=False)

    op.create_table(
        "sessions",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("user", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("csrf", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("proved_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("second", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("door", sa.String(length=16), server_default="password", nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_sessions")),
    )
    op.create_table(
        "sightings",
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "key", "start", name=op.f("pk_sightings")),
    )
    with op.batch_alter_table("sightings", schema=None) as batch_op:
        batch_op.create_index(
            "ix_sightings_same",
            ["key", "start"],
            unique=False,
            sqlite_where=sa.text("substr(key, 1, 5) = 'same|'"),
            postgresql_where=sa.text("substr(key, 1, 5) = 'same|'"),
        )
        batch_op.create_index(batch_op.f("ix_sightings_start"), ["start"], unique=False)

    op.create_table(
        "sign_ins",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("user", sa.String(length=40), nullable=True),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_ins")),
        sa.UniqueConstraint("hash", name=op.f("uq_sign_ins_hash")),
    )
    op.create_table(
        "simulated_messages",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=40), nullable=True),
        sa.Column("reference", sa.String(length=140), nullable=False),
        sa.Column("to", sa.String(length=20), nullable=False),
        sa.Column("sender", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("next", sa.String(length=12), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_simulated_messages")),
        sa.UniqueConstraint("reference", name=op.f("uq_simulated_messages_reference")),
    )
    with op.batch_alter_table("simulated_messages", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_simulated_messages_workspace_to"), ["workspace", "to"], unique=False)
        batch_op.create_index(
            "ix_simulated_next",
            ["next_at"],
            unique=False,
            sqlite_where=sa.text("next_at IS NOT NULL"),
            postgresql_where=sa.text("next_at IS NOT NULL"),
        )

    op.create_table(
        "slips",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("installation", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=10), nullable=False),
        sa.Column("mark", sa.String(length=40), nullable=False),
        sa.Column("origin", sa.String(length=40), nullable=False),
        sa.Column("whole", sa.String(length=40), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("taken_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slips")),
        sa.UniqueConstraint("installation", "name", name=op.f("uq_slips_installation_name")),
    )
    with op.batch_alter_table("slips", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_slips_installation_mark"), ["installation", "mark"], unique=False)
        batch_op.create_index(batch_op.f("ix_slips_taken_at"), ["taken_at"], unique=False)
        batch_op.create_index(
            "ix_slips_whole",
            ["whole"],
            unique=False,
            sqlite_where=sa.text("whole IS NOT NULL"),
            postgresql_where=sa.text("whole IS NOT NULL"),
        )

    op.create_table(
        "smpp_parts",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("part", sa.String(length=65), nullable=False),
        sa.Column("reference", sa.String(length=40), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("tail", sa.String(length=6), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("heard_at", sa.BigInteger(), nullable=True),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_smpp_parts")),
    )
    with op.batch_alter_table("smpp_parts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_smpp_parts_account_part"), ["account", "part"], unique=False)
        batch_op.create_index(batch_op.f("ix_smpp_parts_account_reference"), ["account", "reference"], unique=False)
        batch_op.create_index(batch_op.f("ix_smpp_parts_account_tail"), ["account", "tail"], unique=False)
        batch_op.create_index(batch_op.f("ix_smpp_parts_created_at"), ["created_at"], unique=False)
        batch_op.create_index(
            "ix_smpp_parts_news",
            ["account"],
            unique=False,
            sqlite_where=sa.text("NOT told"),
            postgresql_where=sa.text("NOT told"),
        )

    op.create_table(
        "steps",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("message", sa.String(length=40), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steps")),
    )
    with op.batch_alter_table("steps", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_steps_message"), ["message"], unique=False)

    op.create_table(
        "survey_answers",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("survey", sa.String(length=40), nullable=False),
        sa.Column("person", sa.String(length=40), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("occasion", sa.String(length=40), nullable=True),
        sa.Column("question", sa.Integer(), nullable=False),
        sa.Column("value", sa.String(length=4), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("reply", sa.String(length=40), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_survey_answers")),
        sa.UniqueConstraint("person", "question", name=op.f("uq_survey_answers_person_question")),
    )
    with op.batch_alter_table("survey_answers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_survey_answers_survey_at"), ["survey", "at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_survey_answers_survey_question_value"), ["survey", "question", "value"], unique=False
        )

    op.create_table(
        "survey_people",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("survey", sa.String(length=40), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("origin", sa.String(length=10), nullable=False),
        sa.Column("campaign", sa.String(length=40), nullable=True),
        sa.Column("rule", sa.String(length=40), nullable=True),
        sa.Column("occasion", sa.String(length=40), nullable=True),
        sa.Column("message", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("question", sa.Integer(), nullable=False),
        sa.Column("asked", sa.String(length=40), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=True),
        sa.Column("unclear", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("reminded_at", sa.BigInteger(), nullable=True),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("test", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_survey_people")),
    )
    with op.batch_alter_table("survey_people", schema=None) as batch_op:
        batch_op.create_index(
            "ix_survey_people_due",
            ["next_at"],
            unique=False,
            sqlite_where=sa.text("next_at IS NOT NULL"),
            postgresql_where=sa.text("next_at IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_survey_people_message"), ["message"], unique=False)
        batch_op.create_index(batch_op.f("ix_survey_people_survey_state"), ["survey", "state"], unique=False)
        batch_op.create_index(batch_op.f("ix_survey_people_workspace_number"), ["workspace", "number"], unique=False)
        batch_op.create_index(
            "uq_survey_people_open",
            ["workspace", "number"],
            unique=True,
            sqlite_where=sa.text("state IN ('planned', 'asked')"),
            postgresql_where=sa.text("state IN ('planned', 'asked')"),
        )

    op.create_table(
        "surveys",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("class", sa.String(length=16), nullable=False),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("sender", sa.String(length=16), nullable=True),
        sa.Column("questions", sa.Text(), nullable=False),
        sa.Column("ending", sa.Text(), nullable=True),
        sa.Column("unclear", sa.Text(), nullable=False),
        sa.Column("reminder", sa.Text(), nullable=True),
        sa.Column("lasts", sa.Integer(), nullable=False),
        sa.Column("rest", sa.Integer(), nullable=False),
        sa.Column("test", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_surveys")),
    )
    with op.batch_alter_table("surveys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_surveys_workspace"), ["workspace"], unique=False)

    op.create_table(
        "tally",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("what", sa.String(length=160), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tally")),
    )
    op.create_table(
        "template_syncs",
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=True),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_template_syncs")),
    )
    op.create_table(
        "templates",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("folder", sa.String(length=80), nullable=True),
        sa.Column("who", sa.Text(), nullable=True),
        sa.Column("taken_from", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_templates")),
        sa.UniqueConstraint(
            "workspace", "key", "language", "version", name=op.f("uq_templates_workspace_key_language_version")
        ),
    )
    op.create_table(
        "throttles",
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_throttles")),
    )
    op.create_table(
        "upload_parts",
        sa.Column("upload", sa.String(length=40), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("upload", "part", name=op.f("pk_upload_parts")),
    )
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
    )
    with op.batch_alter_table("uploads", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_uploads_workspace"), ["workspace"], unique=False)

    op.create_table(
        "users",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
    )
    op.create_table(
        "verifications",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("purpose", sa.String(length=60), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("installation", sa.String(length=40), nullable=True),
        sa.Column("message", sa.String(length=40), nullable=True),
        sa.Column("code_hash", sa.String(length=64), nullable=True),
        sa.Column("code_of", sa.String(length=40), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("test", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("checked_at", sa.BigInteger(), nullable=True),
        sa.Column("hidden", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verifications")),
    )
    with op.batch_alter_table("verifications", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_verifications_created_at"), ["created_at"], unique=False)
        batch_op.create_index(
            "ix_verifications_shown",
            ["expires_at"],
            unique=False,
            sqlite_where=sa.text("hidden = false AND message IS NOT NULL"),
            postgresql_where=sa.text("hidden = false AND message IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_verifications_workspace_number"), ["workspace", "number"], unique=False)

    op.create_table(
        "waitlist_entries",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("line", sa.String(length=16), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("installation", sa.String(length=40), nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("wishes", sa.Text(), nullable=False),
        sa.Column("moves", sa.String(length=40), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("agreed_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waitlist_entries")),
    )
    with op.batch_alter_table("waitlist_entries", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_waitlist_entries_workspace_number"), ["workspace", "number"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_waitlist_entries_workspace_state_position"), ["workspace", "state", "position"], unique=False
        )

    op.create_table(
        "waitlist_offers",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("slot", sa.String(length=40), nullable=False),
        sa.Column("entry", sa.String(length=40), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("message", sa.String(length=40), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waitlist_offers")),
        sa.UniqueConstraint("slot", "number", name=op.f("uq_waitlist_offers_slot_number")),
    )
    with op.batch_alter_table("waitlist_offers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_waitlist_offers_message"), ["message"], unique=False)
        batch_op.create_index(batch_op.f("ix_waitlist_offers_workspace_number"), ["workspace", "number"], unique=False)
        batch_op.create_index(
            "uq_waitlist_offers_asked",
            ["slot"],
            unique=True,
            sqlite_where=sa.text("state = 'asked'"),
            postgresql_where=sa.text("state = 'asked'"),
        )
        batch_op.create_index(
            "uq_waitlist_offers_taken",
            ["slot"],
            unique=True,
            sqlite_where=sa.text("state = 'taken'"),
            postgresql_where=sa.text("state = 'taken'"),
        )

    op.create_table(
        "waitlist_slots",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("installation", sa.String(length=40), nullable=False),
        sa.Column("occasion", sa.String(length=40), nullable=True),
        sa.Column("origin", sa.String(length=120), nullable=False),
        sa.Column("cause", sa.String(length=10), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("end", sa.BigInteger(), nullable=True),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("offer", sa.String(length=40), nullable=True),
        sa.Column("moves", sa.String(length=40), nullable=True),
        sa.Column("deadline", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("writing", sa.String(length=8), server_default="none", nullable=False),
        sa.Column("write_at", sa.BigInteger(), nullable=True),
        sa.Column("written", sa.Text(), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("taken_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waitlist_slots")),
        sa.UniqueConstraint("workspace", "origin", name=op.f("uq_waitlist_slots_workspace_origin")),
    )
    with op.batch_alter_table("waitlist_slots", schema=None) as batch_op:
        batch_op.create_index(
            "ix_waitlist_slots_next",
            ["next_at"],
            unique=False,
            sqlite_where=sa.text("next_at IS NOT NULL"),
            postgresql_where=sa.text("next_at IS NOT NULL"),
        )
        batch_op.create_index(
            batch_op.f("ix_waitlist_slots_workspace_state_start"), ["workspace", "state", "start"], unique=False
        )
        batch_op.create_index(
            "ix_waitlist_slots_write",
            ["write_at"],
            unique=False,
            sqlite_where=sa.text("write_at IS NOT NULL"),
            postgresql_where=sa.text("write_at IS NOT NULL"),
        )

    op.create_table(
        "waitlist_steps",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("slot", sa.String(length=40), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.String(length=12), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=True),
        sa.Column("entry", sa.String(length=40), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waitlist_steps")),
    )
    with op.batch_alter_table("waitlist_steps", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_waitlist_steps_slot"), ["slot"], unique=False)
        batch_op.create_index(batch_op.f("ix_waitlist_steps_workspace_number"), ["workspace", "number"], unique=False)

    op.create_table(
        "waitlist_terms",
        sa.Column("installation", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("installation", name=op.f("pk_waitlist_terms")),
    )
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=40), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("secrets", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("failing_since", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    with op.batch_alter_table("webhooks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_webhooks_workspace"), ["workspace"], unique=False)

    op.create_table(
        "workspaces",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("test", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspaces")),
    )


def downgrade() -> None:
    op.drop_table("workspaces")
    with op.batch_alter_table("webhooks", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_webhooks_workspace"))

    op.drop_table("webhooks")
    op.drop_table("waitlist_terms")
    with op.batch_alter_table("waitlist_steps", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_waitlist_steps_workspace_number"))
        batch_op.drop_index(batch_op.f("ix_waitlist_steps_slot"))

    op.drop_table("waitlist_steps")
    with op.batch_alter_table("waitlist_slots", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_waitlist_slots_write",
            sqlite_where=sa.text("write_at IS NOT NULL"),
            postgresql_where=sa.text("write_at IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_waitlist_slots_workspace_state_start"))
        batch_op.drop_index(
            "ix_waitlist_slots_next",
            sqlite_where=sa.text("next_at IS NOT NULL"),
            postgresql_where=sa.text("next_at IS NOT NULL"),
        )

    op.drop_table("waitlist_slots")
    with op.batch_alter_table("waitlist_offers", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_waitlist_offers_taken",
            sqlite_where=sa.text("state = 'taken'"),
            postgresql_where=sa.text("state = 'taken'"),
        )
        batch_op.drop_index(
            "uq_waitlist_offers_asked",
            sqlite_where=sa.text("state = 'asked'"),
            postgresql_where=sa.text("state = 'asked'"),
        )
        batch_op.drop_index(batch_op.f("ix_waitlist_offers_workspace_number"))
        batch_op.drop_index(batch_op.f("ix_waitlist_offers_message"))

    op.drop_table("waitlist_offers")
    with op.batch_alter_table("waitlist_entries", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_waitlist_entries_workspace_state_position"))
        batch_op.drop_index(batch_op.f("ix_waitlist_entries_workspace_number"))

    op.drop_table("waitlist_entries")
    with op.batch_alter_table("verifications", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_verifications_workspace_number"))
        batch_op.drop_index(
            "ix_verifications_shown",
            sqlite_where=sa.text("hidden = false AND message IS NOT NULL"),
            postgresql_where=sa.text("hidden = false AND message IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_verifications_created_at"))

    op.drop_table("verifications")
    op.drop_table("users")
    with op.batch_alter_table("uploads", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_uploads_workspace"))

    op.drop_table("uploads")
    op.drop_table("upload_parts")
    op.drop_table("throttles")
    op.drop_table("templates")
    op.drop_table("template_syncs")
    op.drop_table("tally")
    with op.batch_alter_table("surveys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_surveys_workspace"))

    op.drop_table("surveys")
    with op.batch_alter_table("survey_people", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_survey_people_open",
            sqlite_where=sa.text("state IN ('planned', 'asked')"),
            postgresql_where=sa.text("state IN ('planned', 'asked')"),
        )
        batch_op.drop_index(batch_op.f("ix_survey_people_workspace_number"))
        batch_op.drop_index(batch_op.f("ix_survey_people_survey_state"))
        batch_op.drop_index(batch_op.f("ix_survey_people_message"))
        batch_op.drop_index(
            "ix_survey_people_due",
            sqlite_where=sa.text("next_at IS NOT NULL"),
            postgresql_where=sa.text("next_at IS NOT NULL"),
        )

    op.drop_table("survey_people")
    with op.batch_alter_table("survey_answers", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_survey_answers_survey_question_value"))
        batch_op.drop_index(batch_op.f("ix_survey_answers_survey_at"))

    op.drop_table("survey_answers")
    with op.batch_alter_table("steps", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_steps_message"))

    op.drop_table("steps")
    with op.batch_alter_table("smpp_parts", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_smpp_parts_news", sqlite_where=sa.text("NOT told"), postgresql_where=sa.text("NOT told")
        )
        batch_op.drop_index(batch_op.f("ix_smpp_parts_created_at"))
        batch_op.drop_index(batch_op.f("ix_smpp_parts_account_tail"))
        batch_op.drop_index(batch_op.f("ix_smpp_parts_account_reference"))
        batch_op.drop_index(batch_op.f("ix_smpp_parts_account_part"))

    op.drop_table("smpp_parts")
    with op.batch_alter_table("slips", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_slips_whole", sqlite_where=sa.text("whole IS NOT NULL"), postgresql_where=sa.text("whole IS NOT NULL")
        )
        batch_op.drop_index(batch_op.f("ix_slips_taken_at"))
        batch_op.drop_index(batch_op.f("ix_slips_installation_mark"))

    op.drop_table("slips")
    with op.batch_alter_table("simulated_messages", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_simulated_next",
            sqlite_where=sa.text("next_at IS NOT NULL"),
            postgresql_where=sa.text("next_at IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_simulated_messages_workspace_to"))

    op.drop_table("simulated_messages")
    op.drop_table("sign_ins")
    with op.batch_alter_table("sightings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sightings_start"))
        batch_op.drop_index(
            "ix_sightings_same",
            sqlite_where=sa.text("substr(key, 1, 5) = 'same|'"),
            postgresql_where=sa.text("substr(key, 1, 5) = 'same|'"),
        )

    op.drop_table("sightings")
    op.drop_table("sessions")
    with op.batch_alter_table("segments", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_segments_workspace"))

    op.drop_table("segments")
    with op.batch_alter_table("segment_people", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_segment_people_contact"))

    op.drop_table("segment_people")
    op.drop_table("second_factors")
    with op.batch_alter_table("rules", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_rules_workspace"))
        batch_op.drop_index(
            "ix_rules_survey",
            sqlite_where=sa.text("survey IS NOT NULL"),
            postgresql_where=sa.text("survey IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_rules_installation"))

    op.drop_table("rules")
    with op.batch_alter_table("requests", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_requests_workspace_id"))
        batch_op.drop_index(batch_op.f("ix_requests_at"))

    op.drop_table("requests")
    op.drop_table("request_hours")
    with op.batch_alter_table("reports", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_reports_occasion"))
        batch_op.drop_index(batch_op.f("ix_reports_message"))
        batch_op.drop_index(
            "ix_reports_due", sqlite_where=sa.text("state = 'waiting'"), postgresql_where=sa.text("state = 'waiting'")
        )

    op.drop_table("reports")
    with op.batch_alter_table("replies", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_replies_workspace_received_at"))
        batch_op.drop_index(batch_op.f("ix_replies_workspace_number"))
        batch_op.drop_index(
            "ix_replies_message",
            sqlite_where=sa.text("message IS NOT NULL"),
            postgresql_where=sa.text("message IS NOT NULL"),
        )

    op.drop_table("replies")
    with op.batch_alter_table("recovery_codes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_recovery_codes_user"))

    op.drop_table("recovery_codes")
    with op.batch_alter_table("receipts", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_receipts_missed", sqlite_where=sa.text("message IS NULL"), postgresql_where=sa.text("message IS NULL")
        )
        batch_op.drop_index(batch_op.f("ix_receipts_message"))
        batch_op.drop_index(batch_op.f("ix_receipts_account_provider_ref"))

    op.drop_table("receipts")
    with op.batch_alter_table("reach", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_reach_until"))

    op.drop_table("reach")
    op.drop_table("ranges")
    with op.batch_alter_table("provider_accounts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_provider_accounts_workspace"))

    op.drop_table("provider_accounts")
    with op.batch_alter_table("pages", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_pages_workspace"))

    op.drop_table("pages")
    with op.batch_alter_table("page_codes", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_page_codes_message",
            sqlite_where=sa.text("message IS NOT NULL"),
            postgresql_where=sa.text("message IS NOT NULL"),
        )

    op.drop_table("page_codes")
    op.drop_table("optouts")
    with op.batch_alter_table("occasions", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_occasions_subject",
            sqlite_where=sa.text("subject IS NOT NULL"),
            postgresql_where=sa.text("subject IS NOT NULL"),
        )
        batch_op.drop_index("ix_occasions_start")
        batch_op.drop_index("ix_occasions_recipient")
        batch_op.drop_index(
            "ix_occasions_own_recipient",
            sqlite_where=sa.text("own_recipient IS NOT NULL"),
            postgresql_where=sa.text("own_recipient IS NOT NULL"),
        )
        batch_op.drop_index("ix_occasions_open")
        batch_op.drop_index(
            "ix_occasions_email",
            sqlite_where=sa.text("email IS NOT NULL"),
            postgresql_where=sa.text("email IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_occasions_carts", sqlite_where=sa.text("kind = 'cart'"), postgresql_where=sa.text("kind = 'cart'")
        )

    op.drop_table("occasions")
    op.drop_table("oauth_states")
    with op.batch_alter_table("notes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_notes_conversation_at"))

    op.drop_table("notes")
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_messages_installation_key_step",
            sqlite_where=sa.text("key IS NOT NULL"),
            postgresql_where=sa.text("key IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_messages_untold",
            sqlite_where=sa.text("told <> state AND state NOT IN ('scheduled', 'held', 'sending')"),
            postgresql_where=sa.text("told <> state AND state NOT IN ('scheduled', 'held', 'sending')"),
        )
        batch_op.drop_index("ix_messages_to")
        batch_op.drop_index("ix_messages_state")
        batch_op.drop_index(
            "ix_messages_rich",
            sqlite_where=sa.text("state = 'scheduled' AND channels <> '[\"sms\"]'"),
            postgresql_where=sa.text("state = 'scheduled' AND channels <> '[\"sms\"]'"),
        )
        batch_op.drop_index(
            "ix_messages_reference",
            sqlite_where=sa.text("reference IS NOT NULL"),
            postgresql_where=sa.text("reference IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_messages_provider_ref",
            sqlite_where=sa.text("provider_ref IS NOT NULL"),
            postgresql_where=sa.text("provider_ref IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_messages_occasion",
            sqlite_where=sa.text("occasion IS NOT NULL"),
            postgresql_where=sa.text("occasion IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_messages_left",
            sqlite_where=sa.text("left_at IS NOT NULL"),
            postgresql_where=sa.text("left_at IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_messages_lease",
            sqlite_where=sa.text("lease IS NOT NULL"),
            postgresql_where=sa.text("lease IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_messages_held", sqlite_where=sa.text("state = 'held'"), postgresql_where=sa.text("state = 'held'")
        )
        batch_op.drop_index(
            "ix_messages_fallback",
            sqlite_where=sa.text("fallback_at IS NOT NULL AND state IN ('sent', 'scheduled')"),
            postgresql_where=sa.text("fallback_at IS NOT NULL AND state IN ('sent', 'scheduled')"),
        )
        batch_op.drop_index(
            "ix_messages_due",
            sqlite_where=sa.text("state = 'scheduled'"),
            postgresql_where=sa.text("state = 'scheduled'"),
        )
        batch_op.drop_index(
            "ix_messages_campaign",
            sqlite_where=sa.text("campaign IS NOT NULL"),
            postgresql_where=sa.text("campaign IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_messages_calling",
            sqlite_where=sa.text("state = 'sent' AND channel = 'voice'"),
            postgresql_where=sa.text("state = 'sent' AND channel = 'voice'"),
        )

    op.drop_table("messages")
    op.drop_table("memberships")
    with op.batch_alter_table("measured_sums", schema=None) as batch_op:
        batch_op.drop_index("ix_measured_sums_day")

    op.drop_table("measured_sums")
    with op.batch_alter_table("measured_days", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_measured_days_stale",
            sqlite_where=sa.text("touched <> summed"),
            postgresql_where=sa.text("touched <> summed"),
        )

    op.drop_table("measured_days")
    with op.batch_alter_table("links", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_links_workspace"))
        batch_op.drop_index(batch_op.f("ix_links_message"))
        batch_op.drop_index(batch_op.f("ix_links_expires_at"))

    op.drop_table("links")
    with op.batch_alter_table("left_out", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_left_out_installation_at"))

    op.drop_table("left_out")
    op.drop_table("leases")
    with op.batch_alter_table("keywords", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_keywords_workspace"))

    op.drop_table("keywords")
    with op.batch_alter_table("installations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_installations_workspace"))
        batch_op.drop_index(
            "ix_installations_due",
            sqlite_where=sa.text("next_pull_at IS NOT NULL"),
            postgresql_where=sa.text("next_pull_at IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_installations_adapter_account"))

    op.drop_table("installations")
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_inbox_workspace_received_at"))
        batch_op.drop_index("ix_inbox_digest")
        batch_op.drop_index("ix_inbox_delivery")

    op.drop_table("inbox")
    op.drop_table("identities")
    with op.batch_alter_table("idempotency", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_idempotency_created_at"))

    op.drop_table("idempotency")
    op.drop_table("house")
    with op.batch_alter_table("exports", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_exports_workspace"))
        batch_op.drop_index(
            "ix_exports_due",
            sqlite_where=sa.text("state IN ('waiting', 'running')"),
            postgresql_where=sa.text("state IN ('waiting', 'running')"),
        )

    op.drop_table("exports")
    op.drop_table("export_parts")
    op.drop_table("erasures")
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_deliveries_workspace_webhook"))
        batch_op.drop_index(
            "ix_deliveries_due",
            sqlite_where=sa.text("state = 'waiting'"),
            postgresql_where=sa.text("state = 'waiting'"),
        )

    op.drop_table("deliveries")
    with op.batch_alter_table("counters", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_counters_workspace_start"))

    op.drop_table("counters")
    with op.batch_alter_table("conversions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_conversions_installation_nudged_at"))
        batch_op.drop_index(batch_op.f("ix_conversions_cart"))

    op.drop_table("conversions")
    with op.batch_alter_table("conversations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_conversations_workspace_state_at"))
        batch_op.drop_index(batch_op.f("ix_conversations_workspace_at"))

    op.drop_table("conversations")
    with op.batch_alter_table("contacts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_contacts_workspace_email"))

    op.drop_table("contacts")
    with op.batch_alter_table("consents", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_consents_workspace_number_scope"))
        batch_op.drop_index("ix_consents_untold", sqlite_where=sa.text("untold"), postgresql_where=sa.text("untold"))

    op.drop_table("consents")
    with op.batch_alter_table("clicks", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_clicks_message"))
        batch_op.drop_index(batch_op.f("ix_clicks_link"))

    op.drop_table("clicks")
    op.drop_table("click_hours")
    op.drop_table("cap_stops")
    with op.batch_alter_table("campaigns", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_campaigns_workspace"))
        batch_op.drop_index(
            "ix_campaigns_due",
            sqlite_where=sa.text("next_at IS NOT NULL"),
            postgresql_where=sa.text("next_at IS NOT NULL"),
        )

    op.drop_table("campaigns")
    with op.batch_alter_table("campaign_series", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_campaign_series_workspace"))
        batch_op.drop_index(
            "ix_campaign_series_due",
            sqlite_where=sa.text("next_at IS NOT NULL"),
            postgresql_where=sa.text("next_at IS NOT NULL"),
        )

    op.drop_table("campaign_series")
    with op.batch_alter_table("campaign_people", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_campaign_people_workspace_number"))
        batch_op.drop_index(batch_op.f("ix_campaign_people_message"))
        batch_op.drop_index(batch_op.f("ix_campaign_people_campaign_state_place"))

    op.drop_table("campaign_people")
    with op.batch_alter_table("called_off", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_called_off_at"))

    op.drop_table("called_off")
    op.drop_table("buckets")
    op.drop_table("audit_heads")
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_workspace_seq")
        batch_op.drop_index(batch_op.f("ix_audit_workspace_at"))
        batch_op.drop_index(
            "ix_audit_unchained", sqlite_where=sa.text("seq IS NULL"), postgresql_where=sa.text("seq IS NULL")
        )

    op.drop_table("audit")
    with op.batch_alter_table("attendances", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_attendances_workspace_start"))

    op.drop_table("attendances")
    with op.batch_alter_table("attempts", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_attempts_provider_ref",
            sqlite_where=sa.text("step IS NOT NULL"),
            postgresql_where=sa.text("step IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_attempts_message"))

    op.drop_table("attempts")
    with op.batch_alter_table("approved_templates", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_approved_templates_workspace"))

    op.drop_table("approved_templates")
    op.drop_table("api_keys")
    with op.batch_alter_table("answers", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_answers_left_out",
            sqlite_where=sa.text("left_out_at IS NOT NULL"),
            postgresql_where=sa.text("left_out_at IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_answers_installation"))

    op.drop_table("answers")

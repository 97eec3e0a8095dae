"""The fake smsmode itself: what others count on when they count doubles and wait for callbacks."""

from __future__ import annotations

from datetime import UTC, datetime

from core.contract import Account, Inbound, Outgoing, PhoneReply, ProviderTools, Receipt
from core.domain.messages import Channel, MessageClass, State
from core.providers.smsmode import Smsmode
from tests.fakes.smsmode import FakeSmsmode
from tests.faults.server import FaultServer, status

NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)


def test_it_counts_doubles_and_calls_back() -> None:
    with FakeSmsmode() as fake, FaultServer(status(500)) as ours:
        smsmode = Smsmode(ProviderTools(urls={"smsmode": fake.url}))
        account = Account("acc_1", "ws_1", "smsmode", {"channel_id": "ch-1"}, {"api_key": "k"}, ours.url + "/receipts",
                          ours.url + "/replies")
        message = Outgoing("msg_1", "+33639980001", "RDV", Channel.SMS, MessageClass.TRANSACTIONAL, "GSM-7")
        for _ in range(2):
            smsmode.send(account, [message], NOW, str)

        assert fake.times("msg_1") == 2
        assert fake.texts("+33639980001") == ["RDV", "RDV"]
        assert fake.report("msg_1", "UNDELIVERABLE", "BLACKLISTED") == [500, 200]
        assert fake.answers("msg_1", "OUI") == 200

        said = []
        for seen in ours.ledger:
            request = Inbound(seen.method, ours.url + seen.path, tuple(seen.headers.items()), seen.body, NOW)
            smsmode.verify(request, account)
            said += smsmode.read(request, account)
        first, second, reply = said
        assert isinstance(first, Receipt)
        assert isinstance(second, Receipt)
        assert {first.provider_reference, second.provider_reference} == {one["messageId"] for one in fake.messages}
        assert (first.state, first.opt_out) == (State.FAILED, True)
        assert isinstance(reply, PhoneReply)
        assert (reply.sender, reply.text, reply.answers) == ("+33639980001", "OUI", fake.messages[-1]["messageId"])

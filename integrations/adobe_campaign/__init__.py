"""Adobe Campaign, which sends SMS by SMPP 3.4 only: we are the message centre that it binds to."""

from integrations.adobe_campaign.adapter import AdobeCampaign

__all__ = ["AdobeCampaign"]

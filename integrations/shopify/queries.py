"""The questions that we ask of a shop, in GraphQL, and what we tell it."""

from __future__ import annotations

_CONSENT = "phoneNumber marketingState marketingOptInLevel marketingUpdatedAt marketingCollectedFrom"
_CART = f"""
    id name createdAt updatedAt completedAt abandonedCheckoutUrl
    totalPriceSet {{ presentmentMoney {{ amount currencyCode }} }}
    lineItems(first: 20) {{ nodes {{ title quantity variantTitle }} }}
    shippingAddress {{ firstName phone countryCodeV2 }} billingAddress {{ firstName phone countryCodeV2 }}
    customer {{ id firstName locale defaultPhoneNumber {{ {_CONSENT} }} }}
"""
_ORDER = """
    id name email phone createdAt updatedAt cancelledAt test customerLocale statusPageUrl
    displayFinancialStatus displayFulfillmentStatus discountCodes
    totalPriceSet { presentmentMoney { amount currencyCode } }
    lineItems(first: 20) { nodes { title quantity variantTitle } }
    shippingAddress { firstName phone countryCodeV2 } billingAddress { firstName phone countryCodeV2 }
    customer { id firstName }
    fulfillments(first: 10) { createdAt status displayStatus trackingInfo(first: 1) { company number url } }
"""

SHOP = "query Who { shop { name myshopifyDomain ianaTimezone currencyCode billingAddress { countryCodeV2 } } }"

GRANTED = "query Granted { currentAppInstallation { accessScopes { handle } } }"

CARTS = f"""
query Carts($after: String, $q: String) {{
  abandonedCheckouts(first: 50, after: $after, query: $q, sortKey: CREATED_AT) {{
    pageInfo {{ hasNextPage endCursor }}
    nodes {{ {_CART} }}
  }}
}}"""

ORDERS = f"""
query Orders($after: String, $q: String) {{
  orders(first: 50, after: $after, query: $q, sortKey: UPDATED_AT) {{
    pageInfo {{ hasNextPage endCursor }}
    nodes {{ {_ORDER} }}
  }}
}}"""

PEOPLE = f"""
query People($after: String, $q: String) {{
  customers(first: 100, after: $after, query: $q, sortKey: UPDATED_AT) {{
    pageInfo {{ hasNextPage endCursor }}
    nodes {{ id updatedAt defaultPhoneNumber {{ {_CONSENT} }} }}
  }}
}}"""

HOOKS = """
query Hooks($after: String) {
  webhookSubscriptions(first: 100, after: $after) {
    pageInfo { hasNextPage endCursor }
    nodes { id topic uri }
  }
}"""

HOOK = """
mutation Hook($topic: WebhookSubscriptionTopic!, $uri: String!) {
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: {uri: $uri, format: JSON}) {
    webhookSubscription { id }
    userErrors { field message }
  }
}"""

UNHOOK = """
mutation Unhook($id: ID!) {
  webhookSubscriptionDelete(id: $id) { deletedWebhookSubscriptionId userErrors { field message } }
}"""

CONSENT = """
mutation Consent($input: CustomerSmsMarketingConsentUpdateInput!) {
  customerSmsMarketingConsentUpdate(input: $input) { customer { id } userErrors { field message code } }
}"""


def still_open(count: int) -> str:
    """For each of `count` carts: the cart ($cN), and the orders that may have come of it ($oN)."""
    names = ", ".join(f"$c{n}: String, $o{n}: String" for n in range(count))
    asked = "\n".join(
        f"  c{n}: abandonedCheckouts(first: 1, query: $c{n}) {{ nodes {{ {_CART} }} }}\n"
        f"  o{n}: orders(first: 5, query: $o{n}, sortKey: CREATED_AT, reverse: true) {{ nodes {{ {_ORDER} }} }}"
        for n in range(count)
    )
    return f"query StillOpen({names}) {{\n{asked}\n}}"

-- Addresses to be told lie closed from now on (`webhooks.url`); what tasks repeated of them was read by nobody.
update tasks set webhook = null where webhook is not null;

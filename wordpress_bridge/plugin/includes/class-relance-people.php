<?php
/**
 * Members and comments.
 *
 * @package Relance
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

/**
 * A new account, a changed number, a comment that waits for the owner.
 */
class Relance_People {

	/**
	 * Where WordPress calls us.
	 */
	public static function hooks() {
		add_action( 'user_register', array( __CLASS__, 'registered' ) );
		add_action( 'profile_update', array( __CLASS__, 'changed' ) );
		add_action( 'comment_post', array( __CLASS__, 'commented' ), 10, 2 );
	}

	/**
	 * A new account. Its number is often saved after this moment, so it is read when the request ends.
	 *
	 * @param int $user The user's id.
	 */
	public static function registered( $user ) {
		if ( Relance_Store::is_on( 'members' ) && ! ( defined( 'WP_IMPORTING' ) && WP_IMPORTING ) ) {
			self::tell( (int) $user, true );
		}
	}

	/**
	 * A profile was saved: only a number is worth a word, and "lost password" fires this too.
	 *
	 * @param int $user The user's id.
	 */
	public static function changed( $user ) {
		if ( Relance_Store::is_on( 'members' ) && '' !== self::phone( (int) $user ) ) {
			self::tell( (int) $user, false );
		}
	}

	/**
	 * Keeps the word on a member.
	 *
	 * @param int  $id  The user's id.
	 * @param bool $new Whether the account is new.
	 */
	private static function tell( $id, $new ) {
		static $fresh = array();
		// The same request often saves the profile once more: the account stays a new one.
		$fresh[ $id ] = $new || ! empty( $fresh[ $id ] );
		$is_new       = $fresh[ $id ];
		Relance_Queue::later(
			'member',
			'user/' . $id,
			static function () use ( $id, $is_new ) {
				$user = get_userdata( $id );
				if ( ! $user ) {
					return null;
				}
				return array(
					'user'       => $id,
					'new'        => $is_new,
					'phone'      => self::phone( $id ),
					'name'       => $user->display_name,
					'first_name' => (string) $user->first_name,
					'email'      => $user->user_email,
					'roles'      => array_values( (array) $user->roles ),
					'registered' => strtotime( $user->user_registered . ' UTC' ),
					'country'    => self::country( $id ),
					'language'   => substr( get_user_locale( $id ), 0, 2 ),
				);
			}
		);
	}

	/**
	 * A member's number: the one that was confirmed by code, else the shop's.
	 *
	 * @param int $user The user's id.
	 * @return string
	 */
	public static function phone( $user ) {
		foreach ( array( 'relance_phone', 'billing_phone', 'phone' ) as $name ) {
			$phone = get_user_meta( $user, $name, true );
			if ( is_string( $phone ) && '' !== trim( $phone ) ) {
				return Relance_Forms::text( $phone );
			}
		}
		return '';
	}

	/**
	 * The country a member's national number is of.
	 *
	 * @param int $user The user's id.
	 * @return string
	 */
	private static function country( $user ) {
		$country = get_user_meta( $user, 'billing_country', true );
		return is_string( $country ) && preg_match( '/^[A-Z]{2}$/', $country ) ? $country : Relance_Store::country();
	}

	/**
	 * A comment: a word to the owner. Spam is none.
	 *
	 * @param int        $id       The comment's id.
	 * @param int|string $approved 1, 0 or 'spam'.
	 */
	public static function commented( $id, $approved ) {
		$settings = Relance_Store::settings();
		if ( 'spam' === $approved || ! Relance_Store::is_on( 'comments' ) || '' === $settings['owner_phone'] ) {
			return;
		}
		Relance_Queue::later(
			'comment',
			'comment/' . (int) $id,
			static function () use ( $id, $settings ) {
				$comment = get_comment( $id );
				if ( ! $comment || ! in_array( $comment->comment_type, array( '', 'comment' ), true ) ) {
					return null;
				}
				return array(
					'comment' => (int) $id,
					'author'  => Relance_Forms::text( $comment->comment_author ),
					'title'   => wp_strip_all_tags( get_the_title( (int) $comment->comment_post_ID ) ),
					'waits'   => '1' !== $comment->comment_approved,
					'owner'   => $settings['owner_phone'],
					'country' => Relance_Store::country(),
				);
			}
		);
	}
}
